/// A segment document with all that a segment can say.
enum SampleXRay {
    static let segment = #"""
        {"name":"shop.example.com","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
         "start_time":1478293361.271,"end_time":1478293361.449123456,"user":"ada",
         "origin":"AWS::ECS::Container","service":{"version":"1.4"},"fault":true,
         "http":{"request":{"method":"POST","url":"https://shop.example.com/buy","client_ip":"78.255.233.48",
                            "user_agent":"curl","x_forwarded_for":true},
                 "response":{"status":500,"content_length":12}},
         "aws":{"account_id":"123456789012","ecs":{"container":"c1"},"retries":2},
         "annotations":{"customer":"gold","items":3,"ratio":0.5,"trial":false},
         "metadata":{"debug":{"cart":[1,"two",{"three":null}]},"default":"x"},
         "cause":{"working_directory":"/","exceptions":[
            {"id":"4ad3b3ffd5b1f3f3","message":"no stock","type":"StockError",
             "stack":[{"path":"shop.py","line":12,"label":"buy"},{"path":"main.py","line":3,"label":"<module>"}]}]},
         "subsegments":[
            {"id":"53995c3f42cd8ad8","name":"api.example.com","start_time":1.478293361281E9,
             "end_time":1478293361.341,"namespace":"remote","throttle":true,
             "http":{"request":{"method":"GET","url":"https://api.example.com/"},"response":{"status":429}},
             "subsegments":[{"id":"53995c3f42cd8ad9","name":"parse","start_time":1478293361.3,
                             "in_progress":true}]},
            {"id":"43995c3f42cd8ad8","name":"orders@db","start_time":1478293361.35,
             "end_time":1478293361.36,"namespace":"remote",
             "sql":{"sanitized_query":"SELECT 1","database_type":"PostgreSQL","user":"shop","url":"jdbc:x"}}]}
        """#

    static var datagram: [UInt8] {
        Array("{\"format\": \"json\", \"version\": 1}\n".utf8) + Array(segment.utf8)
    }
}

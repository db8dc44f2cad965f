/// A Lambda runtime that does what the path of its event says, right or wrong.
enum ScriptedRuntime {
    static let command = ["/usr/bin/env", "python3", "-u", "runtime.py"]

    static let files = [
        "runtime.py": """
        import http.client, json, os, signal, subprocess, sys, time
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        def call(method, path, body=None, headers={}):
            connection.request(method, "/2018-06-01/runtime" + path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        def log(text, level=3):
            body = text.encode()
            head = (0xa55a0003 | level << 2).to_bytes(4, "big") + len(body).to_bytes(4, "big")
            os.write(3, head + int(time.time() * 1e6).to_bytes(8, "big") + body)
        flag = sys.argv[1] if len(sys.argv) > 1 else ""
        if flag == "init-exit": sys.exit(5)
        if flag == "init-hang": time.sleep(600)
        if flag == "init-error":
            error = json.dumps({"errorMessage": "no module", "errorType": "ImportError"})
            call("POST", "/init/error", error, {"Lambda-Runtime-Function-Error-Type": "Runtime.Import"})
            sys.exit(1)
        if flag == "init-once":
            if not os.path.exists("failed"):
                open("failed", "w").close()
                sys.exit(5)
        if flag == "stubborn": signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("starting")
        count = 0
        while True:
            status, headers, text = call("GET", "/invocation/next")
            id = headers["Lambda-Runtime-Aws-Request-Id"]
            event = json.loads(text)
            path = event.get("rawPath", "")
            count += 1
            result = {"path": path, "count": count, "pid": os.getpid(),
                      "trace": headers["Lambda-Runtime-Trace-Id"],
                      "deadline": headers["Lambda-Runtime-Deadline-Ms"],
                      "context": headers.get("Lambda-Runtime-Client-Context")}
            if path == "/event": result = event
            if path == "/environment": result = dict(os.environ)
            if path == "/crash": os._exit(3)
            if path == "/hang":
                print("hanging")
                time.sleep(600)
            if path == "/print":
                print("first line")
                print("second line", end="")
                sys.stderr.write("to stderr\\n")
                log("a record\\nof two lines", level=5)
            if path == "/noise":
                os.write(3, b"no frame at all")
                log("after noise")
                log("cut " * 100000)
                log("after a long one")
            if path == "/long": print("x" * 100000)
            if path == "/hold":
                print("holding")
                while not os.path.exists("released"): time.sleep(0.005)
            if path == "/child":
                result["child"] = subprocess.Popen(["sleep", "600"]).pid
            if path == "/huge": result = {"huge": "x" * 7000000}
            if path == "/answer":
                result = {"statusCode": 201, "headers": {"X-Own": "yes", "content-type": "text/plain"},
                          "body": "aGVsbG8=", "isBase64Encoded": True, "cookies": ["a=1"]}
            if path == "/nonsense": result = {"statusCode": "many"}
            if path == "/error":
                error = json.dumps({"errorMessage": "went wrong", "errorType": "ValueError"})
                call("POST", "/invocation/%s/error" % id, error,
                     {"Lambda-Runtime-Function-Error-Type": "Handler.ValueError"})
                continue
            if path == "/raise":
                error = json.dumps({"errorMessage": "no \\"cart\\"", "errorType": "KeyError", "stackTrace": ["a"]})
                call("POST", "/invocation/%s/error" % id, error,
                     {"Lambda-Runtime-Function-Error-Type": "Unhandled"})
                continue
            if path == "/protocol":
                streaming = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
                result = [call("POST", "/invocation/other/response", "{}"),
                          call("POST", "/init/error", "{}"),
                          call("GET", "/invocation/next"),
                          call("POST", "/invocation/%s/response" % id, "{}", streaming),
                          call("GET", "/nowhere")]
                result = [[answer[0], json.loads(answer[2])["errorType"]] for answer in result]
            answer = call("POST", "/invocation/%s/response" % id, json.dumps(result))
            print("answered", answer[0], answer[2])
            if path == "/twice": print("again", call("POST", "/invocation/%s/response" % id, "{}")[0])
        """
    ]
}

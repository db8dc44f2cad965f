/// What a Lambda runtime finds in its environment (AWS Lambda, "Defined runtime environment variables").
enum LambdaEnvironment {
    static func make(
        _ configuration: FunctionWrapperConfiguration, runtimeAddress: String, instance: Int
    ) -> [String: String] {
        var environment = configuration.environment
        let last = configuration.command.count > 1 ? configuration.command.last : nil
        let set: [String: String] = [
            "AWS_LAMBDA_RUNTIME_API": runtimeAddress,
            "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(configuration.memoryBytes >> 20),
            "AWS_LAMBDA_INITIALIZATION_TYPE":
                configuration.minInstances > 0 ? "provisioned-concurrency" : "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/\(configuration.name)",
            "AWS_LAMBDA_LOG_STREAM_NAME": "\(configuration.version)/\(instance)",
            "AWS_REGION": configuration.region,
            "AWS_DEFAULT_REGION": configuration.region,
            "_LAMBDA_TELEMETRY_LOG_FD": "3",
            "_HANDLER": configuration.handler ?? environment["_HANDLER"] ?? last
                ?? configuration.name,
        ]
        environment.merge(set) { $1 }
        let root = configuration.taskRoot ?? environment["LAMBDA_TASK_ROOT"] ?? environment["PWD"]
        environment["LAMBDA_TASK_ROOT"] = root ?? "."
        environment["TZ"] = environment["TZ"] ?? ":UTC"
        // The runtime sets it for each invocation; ours is none of the function's.
        environment["_X_AMZN_TRACE_ID"] = nil
        return environment
    }
}

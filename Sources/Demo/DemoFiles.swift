/// The files that the demo's processes are started with, as text.
package struct DemoFiles: Sendable {
    private let topology: DemoTopology

    package init(topology: DemoTopology) { self.topology = topology }

    /// The configuration of a workload's proxy.
    package func proxy(_ workload: DemoTopology.Workload) -> String {
        """
        service: { name: \(workload.service), version: \(workload.version), \
        namespace: \(DemoTopology.namespace) }
        listeners:
        \(listeners(workload).joined(separator: "\n"))
        clusters:
        \(clusters(workload).joined(separator: "\n"))
        telemetry: { otlp: "\(topology.serverURL)", metrics_interval: 1s }

        """
    }

    private func listeners(_ workload: DemoTopology.Workload) -> [String] {
        var lines: [String] = []
        if let inbound = workload.inbound {
            let cluster = workload.app == nil ? workload.calls[0].targets[0].id : "app"
            lines.append(
                "  - { name: inbound, address: \"127.0.0.1:\(inbound)\", direction: inbound, "
                    + "cluster: \(cluster) }")
        }
        if let outbound = workload.outbound {
            lines.append(
                "  - name: outbound\n    address: \"127.0.0.1:\(outbound)\"\n"
                    + "    direction: outbound\n    routes:")
            lines += workload.calls.map(route)
        }
        return lines
    }

    private func route(_ call: DemoTopology.Call) -> String {
        let split = call.targets.map { "{ cluster: \($0.id), weight: \($0.weight) }" }
        let retries =
            call.retries
            ? "\n        retries: { attempts: 4, on: [5xx, connect-failure], backoff: 10ms }" : ""
        return """
                  - host: \(call.host)
                    split: [\(split.joined(separator: ", "))]
                    timeout: 40s\(retries)
            """
    }

    private func clusters(_ workload: DemoTopology.Workload) -> [String] {
        var lines = workload.calls.flatMap(\.targets).map { target in
            let destination = topology.destination(target.id)
            let version =
                destination.version.isEmpty ? "" : "version: \(destination.version), "
            return "  - { name: \(target.id), service: \(destination.service), \(version)"
                + "namespace: \(DemoTopology.namespace), "
                + "endpoints: [\"127.0.0.1:\(destination.port)\"] }"
        }
        if let app = workload.app {
            lines.append("  - { name: app, kind: app, endpoints: [\"127.0.0.1:\(app)\"] }")
        }
        return lines
    }

    package static let alert = "PaymentsErrorBudgetBurn"

    /// A burn-rate alert of two windows (Google, "The Site Reliability Workbook", chapter 5), for 99 % of
    /// payments without a server error. The windows are scaled: an hour is 12 s here, five minutes are 4 s.
    package static let rules = """
        # Written by hand. A real service has windows of 1h and 5m; here they are scaled to 12s and 4s, so
        # that the whole life of the alert fits into a minute.
        groups:
          - name: shop-slo
            interval: 1s
            rules:
              - record: shop:payments:error_ratio_12s
                labels: { window: long, scaled_from: 1h }
                expr: >-
                  sum(rate(istio_requests_total{
                  reporter="source",destination_service="payments",response_code=~"5.."}[12s]))
                  / sum(rate(istio_requests_total{
                  reporter="source",destination_service="payments"}[12s]))
              - record: shop:payments:error_ratio_4s
                labels: { window: short, scaled_from: 5m }
                expr: >-
                  sum(rate(istio_requests_total{
                  reporter="source",destination_service="payments",response_code=~"5.."}[4s]))
                  / sum(rate(istio_requests_total{
                  reporter="source",destination_service="payments"}[4s]))
              - alert: \(alert)
                expr: >-
                  sum(shop:payments:error_ratio_12s) > 14.4 * 0.01
                  and sum(shop:payments:error_ratio_4s) > 14.4 * 0.01
                for: 1s
                keep_firing_for: 3s
                labels: { severity: page, service: payments, windows: scaled }
                annotations:
                  summary: "payments burns its error budget at more than 14.4 times the allowed rate"
                  description: "Windows are scaled for the demo: 12s stand for 1h, 4s for 5m."

        """

    /// A handler for the unmodified Lambda runtime client of Python.
    package static let handler = """
        import json


        def handler(event, context):
            # What a function prints becomes log lines that carry the trace.
            print("discount computed for", event.get("rawPath", event.get("path", "?")))
            return {
                "statusCode": 200,
                "headers": {"content-type": "application/json"},
                "body": json.dumps({"percent": 10, "request": context.aws_request_id}),
            }

        """
}

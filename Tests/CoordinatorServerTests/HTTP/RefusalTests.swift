// A refusal is a value; it is counted and logged where somebody says so.
import Concurrency
import HTTPTypes
import LanguageSystem
import Logging
import Testing

@testable import CoordinatorServer

@Suite struct `Refusals` {
    private struct Recorder: LogHandler {
        let lines: Locked<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }

    @Test func `a refusal is logged once it is recorded, with its cause, and only when it is ours`()
    {
        let lines = Locked<[String]>([])
        let logger = Logger(label: "test") { _ in Recorder(lines: lines) }
        func refusal(_ code: ErrorCode) -> Refusal {
            Refusal(
                LanguageSystemError(code, "cannot answer", cause: "a broken disk"),
                RequestIdentity(id: "my-request", traceParent: nil), path: "/v1/rerank")
        }
        let ours = refusal(.internal)
        let json = String(decoding: ours.json.bytes, as: UTF8.self)
        #expect(ours.status == 500 && json.contains("my-request") && !json.contains("disk"))
        #expect(lines.withLock { $0 }.isEmpty)
        ours.record(to: logger)
        refusal(.keyRefused).record(to: logger)
        let said = lines.withLock { $0 }
        #expect(said.count == 1)
        #expect(said.first?.contains("a broken disk") == true)
        #expect(said.first?.contains("my-request") == true)
    }

    @Test func `a refusal says in its headers what to do next`() {
        func headers(_ code: ErrorCode) -> [String] {
            Refusal(
                LanguageSystemError(code, "no"), RequestIdentity(id: "r", traceParent: nil),
                path: "/v1/models"
            ).headers.map { "\($0.0.canonicalName): \($0.1)" }
        }
        #expect(headers(.busy) == ["retry-after: 1"])
        #expect(headers(.unavailable) == ["retry-after: 1"])
        #expect(headers(.keyRefused) == ["www-authenticate: Bearer"])
        #expect(headers(.wrongMethod) == ["allow: GET"])
        #expect(headers(.tooLarge).isEmpty)
    }
}

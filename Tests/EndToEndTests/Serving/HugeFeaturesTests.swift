// One request with numbers that are finite and huge once stopped the coordinator: its scores were
// none, it was answered with null, and a second later the decision could not be written. Every way
// in refuses them now.
import Foundation
import NIOCore
import NIOHTTP1
import RankerMath
import Rankers
import Testing

extension Serving {
    @Test func `huge features are refused with their candidate in every form, and stop nobody`()
        async throws
    {
        try await FaultSite.with(
            .embedded, coordinators: 1, workers: 1,
            serve: ["--decision-share", "1", "--decisions-per-second", "1000"]
        ) { site in
            try await site.script(
                Served.adding("everyone", seed: 1)
                    + Served.adding("~ada", seed: 3, user: "ada"))
            let connection = try await site.connect()
            for number: Float in [3e38, -3e38, 3e18, .infinity, .nan] {
                for row in 0...Served.candidateCount {
                    try await refuses(number, row: row, connection)
                }
            }
            // Also where a worker would score them, and where nobody would.
            _ = try await site.sql("select ls.place_ranker('~ada', 'edge-1', 'test')")
            try await eventually(within: 20, "a worker scores") {
                try await connection.rerank(user: "ada").header("x-ls-where") == "edge"
            }
            let huge = HugeFeatures(3e38, row: 3)
            let edge = try await connection.post("/v1/rerank", huge.json(user: "ada"), keep: true)
            try expectRefused(edge.body, row: 3)

            // It answers, and keeps, what is good; nothing was kept of the others.
            let good = try await connection.rerank(id: "good", keep: true)
            #expect(try good.status == 200 && good.scores.allSatisfy { abs($0) <= 1 })
            try await eventually(within: 15, "the decision is written") {
                try await site.lscoord("replay", "good").status == 0
            }
            #expect(
                try await site.sql(
                    """
                    select count(*) from ls.decision_log
                    where request_id like 'huge-1%' or request_id = 'huge-2.1'
                    """) == "0")
            #expect(try await connection.get("/readyz").status == 200)
        }
    }
}

/// As JSON, as safetensors at every place of a body, and in a batch beside two good ones.
private func refuses(_ number: Float, row: Int, _ connection: ServedConnection) async throws {
    let huge = HugeFeatures(number, row: row)
    let json = try await connection.post("/v1/rerank", huge.json(), id: "huge-1", keep: true)
    #expect(json.status == 422)
    try expectRefused(json.body, row: row)
    for padding in [0, 3] {
        let binary = try await connection.kept.ask(
            .POST, "/v1/rerank?model=\(Served.baseModel)",
            [
                ("content-type", "application/vnd.safetensors"), ("x-ls-keep", "true"),
                ("authorization", "Bearer \(connection.key)"),
            ], body: huge.safetensors(padding: padding))
        #expect(binary.status == 422)
        try expectRefused(binary.body, row: row)
    }
    let good = HugeFeatures(1, row: 0)
    let batch = try await connection.post(
        "/v1/rerank/batch",
        ByteBuffer(
            bytes: try JSONSerialization.data(withJSONObject: [
                "requests": [good.object(), huge.object(), good.object()]
            ])), id: "huge-2", keep: true)
    #expect(batch.status == 200 && !batch.body.contains("score\":null"))
    let responses = try #require(try batch.json["responses"] as? [[String: Any]])
    try #require(responses.count == 3)
    #expect(responses[0]["results"] != nil && responses[2]["results"] != nil)
    try expectRefused(batch.body, row: row)
}

private func expectRefused(_ body: String, row: Int) throws {
    let place = row == 0 ? "the instruction" : "candidate \(row - 1)"
    #expect(body.contains("\"code\":\"invalidFeatures\""), "\(body)")
    #expect(body.contains("not finite or beyond 1e+15 in \(place)\""), "\(body)")
}

/// The test's features with one number of one row exchanged.
private struct HugeFeatures {
    let bytes: [UInt8]

    init(_ number: Float, row: Int) {
        var bytes = Served.features
        let place = (row * Served.hiddenSize + 5) * 4
        withUnsafeBytes(of: number.bitPattern.littleEndian) {
            bytes.replaceSubrange(place..<place + 4, with: $0)
        }
        self.bytes = bytes
    }

    func object(user: String? = nil) -> [String: Any] {
        var object: [String: Any] = [
            "model": Served.baseModel,
            "features": [
                "dtype": "float32", "shape": [Served.candidateCount + 1, Served.hiddenSize],
                "data": Data(bytes).base64EncodedString(),
            ] as [String: Any],
        ]
        object["user"] = user
        return object
    }

    func json(user: String? = nil) throws -> ByteBuffer {
        ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: object(user: user)))
    }

    /// - Parameter padding: Spaces behind the header: not every writer aligns what follows.
    func safetensors(padding: Int) -> ByteBuffer {
        let rowByteCount = 4 * Served.hiddenSize
        var writer = SafetensorsWriter(metadata: [:])
        writer.add("instruction", .f32, [Served.hiddenSize], bytes: Array(bytes[..<rowByteCount]))
        writer.add(
            "responses", .f32, [Served.candidateCount, Served.hiddenSize],
            bytes: Array(bytes[rowByteCount...]))
        let file = writer.bytes()
        let length = Int(file[0]) + 256 * Int(file[1])
        let moved = withUnsafeBytes(of: UInt64(length + padding).littleEndian) { Array($0) }
        return ByteBuffer(
            bytes: moved + file[8..<8 + length] + [UInt8](repeating: 0x20, count: padding)
                + file[(8 + length)...])
    }
}

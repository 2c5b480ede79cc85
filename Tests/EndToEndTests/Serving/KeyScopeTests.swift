// What a key is not for is answered as what does not exist.
import Foundation
import NIOCore
import Testing

extension Serving {
    @Test func `a key sees its users, domains and base models, and nothing tells it of others`()
        async throws
    {
        try await FaultSite.with(.embedded, coordinators: 1) { site in
            try await site.script(
                Served.adding("~ada", seed: 1, user: "ada")
                    + Served.adding("~bob", seed: 2, user: "bob")
                    + Served.adding("algebra", seed: 3, domain: "math/algebra")
                    + Served.adding("poems", seed: 4, domain: "poems")
                    + Served.adding("elsewhere", seed: 5, baseModel: "hidden"))
            let made = try await site.lscoord(
                "key", "create", "--name", "adas", "--user", "ada", "--domain", "math/*",
                "--base-model", Served.baseModel, "--quiet")
            try #require(made.status == 0, "\(made)")
            let connection = try await site.connect().with(
                key: made.output.trimmingCharacters(in: .whitespacesAndNewlines))

            // A key of one user's is that user's: it need not be named. Its domain is one of
            // several, and has to be.
            let inside = "math/algebra"
            #expect(
                try await connection.rerank(domain: inside).header("x-ls-ranker") == "~ada")
            #expect(try await connection.rerank().status == 403)
            for model in [Served.baseModel, "~ada", "~ada:champion", "~ada@1", "algebra"] {
                let answer = try await connection.rerank(model, domain: inside)
                #expect(answer.status == 200, "\(model): \(answer.body)")
            }
            #expect(
                try await connection.rerank(user: "ada", domain: "math/algebra").status == 200)

            // What is there and what is not, told apart by nothing but its name.
            for (there, notThere) in [
                ("hidden", "nowhere"), ("~bob", "~eve"), ("~bob:champion", "~eve:champion"),
                ("~bob@1", "~eve@1"), ("~bob@9", "~eve@9"), ("poems", "songs"),
                ("elsewhere", "anywhere"), ("elsewhere:x", "anywhere:x"),
            ] {
                for path in ["/v1/rerank", "/v1/prefetch"] {
                    func refusal(_ model: String) async throws -> (Int, String) {
                        let body =
                            path == "/v1/rerank"
                            ? Served.body(model, domain: inside)
                            : ByteBuffer(
                                string: #"{"model":"\#(model)","domain":"\#(inside)"}"#)
                        let answer = try await connection.post(path, body, id: "same")
                        return (
                            answer.status,
                            answer.body.replacingOccurrences(of: "'\(model)'", with: "'…'")
                        )
                    }
                    let (found, other) = (try await refusal(there), try await refusal(notThere))
                    #expect(found == other, "\(path) \(there)")
                    #expect(found.0 == 404, "\(path) \(there): \(found.1)")
                }
            }
            for (there, notThere) in [("bob", "eve")] {
                let (found, other) = (
                    try await connection.rerank(user: there, domain: inside, id: "same"),
                    try await connection.rerank(user: notThere, domain: inside, id: "same")
                )
                #expect(found.status == 403)
                #expect(found.body == other.body)
            }
            for (there, notThere) in [("poems", "songs")] {
                let (found, other) = (
                    try await connection.rerank(domain: there, id: "same"),
                    try await connection.rerank(domain: notThere, id: "same")
                )
                #expect(found.status == 403)
                #expect(found.body == other.body)
            }
            let list = try await connection.get("/v1/models").json
            let names = (list["data"] as? [[String: Any]])?.compactMap { $0["id"] as? String }
            #expect(names == [Served.baseModel, "algebra", "~ada"])
            try await pagesOfModels(connection)

            var table = try await site.lscoord("key", "list")
            #expect(table.output.contains(/adas\s+valid\s+ada\s+math\/\*\s+tiny/), "\(table)")
            let revoked = try await site.lscoord("key", "revoke", "adas", "--reason", "lost")
            #expect(revoked.status == 0, "\(revoked)")
            try await eventually(within: 2, "it is refused") {
                try await connection.rerank().status == 401
            }
            let refused = try await connection.rerank(id: "same")
            #expect(refused.header("www-authenticate") == "Bearer")
            #expect(try refused.code == "keyRefused")
            // As one that never was.
            let never = try await connection.with(
                key: "lsk_0123456789ab_" + String(repeating: "0", count: 64)
            )
            .rerank(id: "same")
            #expect(never.status == 401)
            #expect(never.body == refused.body)
            table = try await site.lscoord("key", "list")
            #expect(table.output.contains(/adas\s+revoked/), "\(table)")
        }
    }
}

/// One at a time they are the same, and a question that is wrong is refused by the parameter's
/// name.
private func pagesOfModels(_ connection: ServedConnection) async throws {
    var names: [String] = []
    var path = "/v1/models?limit=1"
    while true {
        let page = try await connection.get(path).json
        let data = try #require(page["data"] as? [[String: Any]])
        #expect(data.count == 1 && page["object"] as? String == "list")
        names += data.compactMap { $0["id"] as? String }
        #expect(
            page["first_id"] as? String == names.last && page["last_id"] as? String == names.last)
        guard page["has_more"] as? Bool == true else {
            #expect(page["next"] == nil || page["next"] is NSNull)
            break
        }
        path = "/v1/models?limit=1&after=\(try #require(page["next"] as? String))"
    }
    #expect(names == [Served.baseModel, "algebra", "~ada"])
    for (query, named) in [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("after=x", "'x'"), ("page=1", "'page'"),
        ("limit=1&limit=1", "'limit'"),
    ] {
        let answer = try await connection.get("/v1/models?\(query)")
        #expect(answer.status == 400 && answer.body.contains(named), "\(answer.body)")
    }
}

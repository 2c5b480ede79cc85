// What `GET /v1/models` answers, in OpenAI's list shape, a page at a time: the base models that the
// key may name, each with its rankers that have a champion.
import LanguageSystem
import Ledger

struct ModelList: Encodable {
    struct Model: Encodable {
        let id: String
        let object = "model"
        let owned_by: String
        let kind: String?
        let champion: Int?
    }
    let object = "list"
    let data: [Model]
    let first_id: String?
    let last_id: String?
    let has_more: Bool
    /// What the next question says as `after`; nil on the last page.
    let next: String?

    init(_ page: ModelPage) {
        data = page.models.map {
            Model(
                id: $0.name, owned_by: $0.user ?? "system", kind: $0.kind?.rawValue,
                champion: $0.champion)
        }
        first_id = data.first?.id
        last_id = data.last?.id
        has_more = page.next != nil
        next = page.next
    }
}

/// Says which page is asked for.
struct ModelQuery {
    static let countDefault = 100

    let after: String?
    let limit: Int

    /// - Throws: `invalidArgument` for a parameter that is unknown, comes twice or is wrong.
    init(_ query: QueryString) throws(LanguageSystemError) {
        for name in query.names where name != "limit" && name != "after" {
            throw .malformedRerank(
                "found the unknown parameter '\(name.printable(40))', expected limit or after",
                of: "question for models", field: name)
        }
        after = query["after"]
        if let after, after.isEmpty || after.utf8.contains(0) {
            throw .malformedRerank(
                "after is '\(after.printable(40))', expected what 'next' of a page said",
                of: "question for models", field: "after")
        }
        guard let text = query["limit"] else {
            limit = Self.countDefault
            return
        }
        guard let limit = Int(text), (1...ModelPage.countMax).contains(limit) else {
            throw .malformedRerank(
                "limit is '\(text.printable(40))', expected 1 to \(ModelPage.countMax)",
                of: "question for models", field: "limit")
        }
        self.limit = limit
    }
}

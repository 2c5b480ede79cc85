// Feature files over HTTPS, from hosts that have no rights on the database. A file is written to
// the disk as it comes, then checked and stored as `lscoord features import` does; memory holds a
// piece of it at a time. Who may import what is decided in Coordination.
import Coordination
import CoreMetrics
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LanguageSystem
import Logging
import NIOCore

struct FeatureRoutes: Sendable {
    /// How long a file may take to come. A pause in it may not be longer than in other bodies.
    static let bodyTimeout: TimeAmount = .hours(1)

    let intake: FeatureIntake
    let apiKeys: APIKeyCache
    let admission: Admission
    /// Where files are kept while they come.
    let directory: String
    let byteCountMax: Int

    func add(to router: Router<ServingContext>) {
        router.post(RouterPath(RestPaths.featureSets)) { try await store($0, $1) }
    }

    private func store(_ request: Request, _ context: ServingContext) async throws -> Response {
        // One that leaves would not be there when the file has come.
        guard !admission.isLeaving else { throw LanguageSystemError.draining() }
        let key = try await apiKeys.key(context.head.apiKey())
        try FeatureIntake.check(key)
        let user = try Self.user(request.uri.queryString(of: "import"))
        return try await admission.admitUpload {
            _ = try context.head.fileBody(upTo: byteCountMax)
            let file = try UploadFile(in: directory)
            let byteCount = try await file.fill(from: request.body, upTo: byteCountMax)
            Counter(label: "ls_feature_import_bytes_total").increment(by: byteCount)
            // The file is there as long as it is read.
            defer { withExtendedLifetime(file) {} }
            let stored = try await intake.store(file.path, user: user, by: key)
            let outcome = stored.isDuplicate ? "duplicate" : "stored"
            Counter(label: "ls_feature_imports_total", dimensions: [("outcome", outcome)])
                .increment()
            context.logger.notice(
                "feature set imported",
                metadata: context.head.identity.metadata.merging([
                    "key": "\(key.name)", "digest": "\(stored.description.digest.short)",
                    "domain": "\(stored.description.domain)", "bytes": "\(byteCount)",
                    "outcome": "\(outcome)",
                ]) { $1 })
            return Response.json(
                Self.json(of: stored), status: stored.isDuplicate ? .ok : .created)
        }
    }

    /// - Throws: `invalidArgument` for a parameter that is unknown or comes twice.
    private static func user(_ query: QueryString) throws(LanguageSystemError) -> String? {
        for name in query.names where name != "user" {
            throw .malformedRerank(
                "found the unknown parameter '\(name.printable(40))', expected user", of: "import",
                field: name)
        }
        return query["user"]
    }

    static func json(of stored: FeatureIntake.Stored) -> JSONText {
        let set = stored.description
        var json = JSONText()
        json.raw(#"{"id":"#)
        json.number(Int(stored.id.rawValue))
        json.raw(#","digest":"#)
        json.string(set.digest.description)
        json.raw(#","base_model":"#)
        json.string(set.baseModel)
        json.raw(#","domain":"#)
        json.string(set.domain.description)
        json.raw(#","split":"#)
        json.string(set.split.rawValue)
        json.raw(#","user":"#)
        json.string(set.user)
        json.raw(#","queries":"#)
        json.number(set.queryCount)
        json.raw(#","responses":"#)
        json.number(Int(set.responseCount))
        json.raw(#","duplicate":"#)
        json.bool(stored.isDuplicate)
        json.raw("}")
        return json
    }
}

// What a node asks for before it serves: the recorded conversations of its base model, to compare
// its own hidden states with. The file is cached by its digest.
import Coordination
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LanguageSystem
import Ledger
import NIOCore

struct CanaryRoute: Sendable {
    let ledger: LedgerStore
    let apiKeys: APIKeyCache
    let admission: Admission

    func add(to router: Router<ServingContext>) {
        router.get(RouterPath(RestPaths.baseModels + "**")) { try await canary($0, $1) }
    }

    private func canary(_ request: Request, _ context: ServingContext) async throws -> Response {
        guard let written = RestPaths.baseModel(ofCanaryAt: request.uri.path) else {
            throw HTTPError(.notFound)
        }
        let key = try await apiKeys.key(context.head.apiKey())
        guard let name = QueryString.decoded(written.utf8, hasForms: false),
            (1...800).contains(name.utf8.count), !name.utf8.contains(0),
            key.scope.permits(baseModel: name)
        else { throw LanguageSystemError.noBaseModel(written) }
        let known = request.headers[.ifNoneMatch].flatMap(Self.digest)
        // It waits for the database and takes memory, as a list does.
        let found = try await admission.admitListing {
            do throws(LanguageSystemError) {
                return try await ledger.canary(of: name, unless: known)
            } catch  where error.code == .unknownBaseModel {
                throw LanguageSystemError.noBaseModel(written)
            }
        }
        guard let found else { throw LanguageSystemError.noCanary(name) }
        var headers: HTTPFields = [
            .eTag: "\"\(found.digest)\"", .contentType: "application/octet-stream",
            // It belongs to whoever has a key, and is asked for again each time.
            .cacheControl: "private, no-cache",
        ]
        guard let bytes = found.bytes else {
            headers[.contentType] = nil
            return Response(status: .notModified, headers: headers)
        }
        return Response(
            status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// The first digest of a list of entity tags.
    private static func digest(_ text: String) -> Digest? {
        for tag in text.split(separator: ",") {
            let tag = tag.drop { $0 == " " }.trimmingPrefix("W/")
            guard tag.hasPrefix("\""), let end = tag.dropFirst().firstIndex(of: "\"") else {
                continue
            }
            if let digest = Digest(hex: tag[tag.index(after: tag.startIndex)..<end]) {
                return digest
            }
        }
        return nil
    }
}

extension LanguageSystemError {
    /// - Parameter name: As it is written in the path.
    fileprivate static func noBaseModel(_ name: Substring) -> Self {
        Self(
            .unknownBaseModel,
            """
            cannot find the canary of '\(String(name).printable(200))': no base model has this name
            """, hint: "GET /v1/models lists the base models")
    }

    fileprivate static func noCanary(_ name: String) -> Self {
        Self(
            .unknownCanary,
            "cannot find the canary of '\(name.printable(200))': the base model has none",
            hint: "lscoord register base-model … --canary FILE sets it")
    }
}

// One shape for every refusal: OpenAI's (`message`, `type`, `param`, `code`), with our hint and the
// request's id. The cause goes to the log, never out.
import Foundation
import HTTPTypes
import Hummingbird
import LanguageSystem
import Logging
import CoreMetrics
import NIOCore
import NIOHTTP1
import NIOSSL

struct ErrorBody {
    let error: CoordinatorError
    let requestID: String

    init(_ error: CoordinatorError, requestID: String) {
        self.error = error
        self.requestID = requestID
    }

    var json: JSONText {
        var json = JSONText()
        json.raw(#"{"error":{"message":"#)
        json.string(error.message)
        json.raw(#","type":"#)
        json.string(Self.type(of: error.code))
        json.raw(#","param":"#)
        json.string((error.field ?? Self.field(of: error.code))?.printable(120))
        json.raw(#","code":"#)
        json.string(error.code.rawValue)
        if let hint = error.hint {
            json.raw(#","hint":"#)
            json.string(hint)
        }
        json.raw(#","requestId":"#)
        json.string(requestID)
        json.raw("}}")
        return json
    }

    /// What these are about, whoever found it.
    private static func field(of code: ErrorCode) -> String? {
        switch code {
        case .unknownBaseModel, .unknownRanker, .unknownVersion: "model"
        case .contractMismatch, .invalidFeatures: "features"
        default: nil
        }
    }

    private static func type(of code: ErrorCode) -> String {
        switch code.httpStatus {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }
}

/// Around every request: gives it its id, turns whatever a handler throws into the one shape, and
/// logs what is our own fault.
struct RequestFrame: RouterMiddleware {
    let admission: Admission

    func handle(
        _ request: Request, context: ServingContext,
        next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.read(request.headers)
        var response: Response
        do {
            try request.checkTransferEncoding()
            response = try await next(request, context)
        } catch {
            response = Response(
                Refusal(
                    CoordinatorError(answering: error, to: request), context.identity,
                    path: request.uri.path, context.logger))
        }
        response.headers[.requestID] = context.requestID
        if let traceParent = context.traceParent { response.headers[.traceParent] = traceParent }
        if admission.endsConnections { response.headers[.connection] = "close" }
        // A refusal's body, too: whoever asked with HEAD would take it for the next answer.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

/// What a request is refused with; counted, and logged when it is our own fault.
struct Refusal {
    let status: Int
    let headers: [(HTTPField.Name, String)]
    let json: JSONText

    init(_ error: CoordinatorError, _ identity: RequestIdentity, path: String, _ logger: Logger) {
        Counter(
            label: "ls_rerank_refusals_total", dimensions: [("code", error.code.rawValue)]
        ).increment()
        status = error.code.httpStatus
        if status >= 500 {
            logger.error(
                "request failed",
                metadata: identity.metadata.merging([
                    "path": "\(path.printable(120))",
                    "code": "\(error.code.rawValue)",
                    "message": "\(error.message)", "cause": "\(error.cause ?? "-")",
                ]) { $1 })
        }
        json = ErrorBody(error, requestID: identity.id).json
        headers =
            switch error.code {
            case .busy, .unavailable: [(.retryAfter, "1")]
            case .keyRefused: [(.wwwAuthenticate, "Bearer")]
            case .wrongMethod: RestPaths.method(of: path).map { [(.allow, $0.rawValue)] } ?? []
            default: []
            }
    }
}

extension Response {
    fileprivate init(_ refusal: Refusal) {
        self = .json(refusal.json, status: .init(code: refusal.status))
        for (name, value) in refusal.headers { headers[name] = value }
    }
}

extension CoordinatorError {
    init(answering error: any Error) {
        switch error {
        case let error as CoordinatorError: self = error
        case is CancellationError:
            self.init(.cancelled, "cannot answer: the request was cancelled")
        default:
            self.init(.internal, "cannot answer: an internal error", cause: "\(error)")
        }
    }

    init(answering error: any Error, to request: Request) {
        switch error {
        case let error as HTTPError where error.status == .contentTooLarge: self = .bodyTooLarge()
        case is NIOTooManyBytesError: self = .bodyTooLarge()
        case is HTTPParserError:
            self = Self(
                .invalidArgument, "cannot read the request: its body is not framed as HTTP says")
        // Whoever asked hung up in the middle of the body.
        case is NIOSSLError, is ChannelError, is IOError:
            self = Self(.cancelled, "cannot answer: the caller has left", cause: "\(error)")
        case let error as HTTPError where error.status == .notFound:
            let path = request.uri.path
            if let method = RestPaths.method(of: path) {
                self = Self(
                    .wrongMethod, "cannot \(request.method) \(path): it takes \(method) alone")
            } else {
                self = Self(
                    .unknownPath,
                    "cannot find \(request.method) \(path.printable(120)): no such path",
                    hint: "POST /v1/rerank, GET /v1/models, GET /openapi.json, GET /readyz")
            }
        case let error as HTTPError where error.status.code < 500:
            self = Self(
                .invalidArgument, error.body ?? "cannot read the request: \(error.status)")
        default: self.init(answering: error)
        }
    }
}

extension Response {
    /// - Throws: For a number that JSON cannot say: one that is not finite.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return json([UInt8](try encoder.encode(value)), status: status)
    }

    static func json(_ text: JSONText, status: HTTPResponse.Status = .ok) -> Response {
        json(text.bytes, status: status)
    }

    private static func json(_ bytes: [UInt8], status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

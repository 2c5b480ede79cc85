// What surrounds every request of the router: its head is read, and whatever a handler throws is
// answered in the one shape of a refusal.
import Foundation
import HTTPTypes
import Hummingbird
import LanguageSystem
import NIOCore
import NIOHTTP1
import NIOSSL

struct RequestFrame: RouterMiddleware {
    let admission: Admission

    func handle(
        _ request: Request, context: ServingContext,
        next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.head = RequestHead(request.headers)
        var response: Response
        do {
            try context.head.checkTransferEncoding()
            response = try await next(request, context)
        } catch {
            let refusal = Refusal(
                LanguageSystemError(answering: error, to: request), context.head.identity,
                path: request.uri.path)
            refusal.record(to: context.logger)
            response = Response(refusal)
        }
        context.head.identity.forEachField { response.headers[$0] = $1 }
        if admission.endsConnections { response.headers[.connection] = "close" }
        // A refusal's body, too: whoever asked with HEAD would take it for the next answer.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension Response {
    fileprivate init(_ refusal: Refusal) {
        self = .json(refusal.json, status: .init(code: refusal.status))
        for (name, value) in refusal.headers { headers[name] = value }
    }

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

extension LanguageSystemError {
    fileprivate init(answering error: any Error, to request: Request) {
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

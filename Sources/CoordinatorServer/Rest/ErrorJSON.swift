// One shape for every refusal: OpenAI's (`message`, `type`, `param`, `code`), with our hint and the
// request's id. The cause goes to the log, never out.
import Foundation
import HTTPTypes
import Hummingbird
import LanguageSystem
import Logging
import NIOCore

struct ErrorBody: Codable {
    struct Content: Codable {
        let message: String
        let type: String
        let param: String?
        let code: String
        let hint: String?
        let requestId: String?
    }

    let error: Content

    init(_ error: CoordinatorError, requestID: String) {
        self.error = Content(
            message: error.message,
            type: error.code.httpStatus >= 500 ? "server_error" : "invalid_request_error",
            param: nil, code: error.code.rawValue, hint: error.hint, requestId: requestID)
    }
}

/// Turns whatever a handler throws into the one shape, and logs what is our own fault.
struct ErrorAnswer<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let refusal = Self.refusal(for: error, request: request)
            if refusal.code.httpStatus >= 500 {
                context.logger.error(
                    "request failed",
                    metadata: [
                        "path": "\(request.uri.path)", "code": "\(refusal.code.rawValue)",
                        "message": "\(refusal.message)", "cause": "\(refusal.cause ?? "-")",
                    ])
            }
            var response = Response.json(
                ErrorBody(refusal, requestID: "\(context.id)"),
                status: .init(code: refusal.code.httpStatus))
            if refusal.code == .busy { response.headers[.retryAfter] = "1" }
            return response
        }
    }

    private static func refusal(for error: any Error, request: Request) -> CoordinatorError {
        switch error {
        case let error as CoordinatorError: error
        case let error as HTTPError where error.status == .contentTooLarge:
            .bodyTooLarge()
        case let error as HTTPError where error.status == .notFound:
            CoordinatorError(
                .unknownPath, "cannot find \(request.method) \(request.uri.path): no such path",
                hint: "POST /v1/rerank, GET /v1/models, GET /v1/ca, GET /readyz")
        case let error as HTTPError where error.status.code < 500:
            CoordinatorError(
                .invalidArgument, error.body ?? "cannot read the request: \(error.status)")
        case is CancellationError:
            CoordinatorError(.cancelled, "cannot answer: the request was cancelled")
        default:
            CoordinatorError(.internal, "cannot answer: an internal error", cause: "\(error)")
        }
    }
}

extension Response {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // Values we made ourselves, of finite numbers: encoding them cannot fail.
        let bytes = try! encoder.encode(value)
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

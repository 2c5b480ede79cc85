// Our refusals over gRPC and back: the status says the kind to any client, two metadata entries say
// our code and the hint. The cause stays where it happened.
public import GRPCCore
public import LanguageSystem

private let codeKey = "ls-code"
// Binary, since a hint may hold more than ASCII.
private let hintKey = "ls-hint-bin"

extension RPCError {
    public init(_ error: LanguageSystemError) {
        // A code it did not know, or success, would be our own mistake: it is told as one.
        let status = Status.Code(rawValue: error.code.grpcStatus) ?? .internalError
        var metadata: Metadata = [:]
        metadata.addString(error.code.rawValue, forKey: codeKey)
        if let hint = error.hint {
            metadata.addBinary(Array(hint.utf8.prefix(1_000)), forKey: hintKey)
        }
        self.init(
            code: RPCError.Code(status) ?? .internalError, message: error.message,
            metadata: metadata)
    }
}

extension LanguageSystemError {
    /// - Parameter rpc: An error of the other side, or of the transport.
    public init(_ rpc: RPCError) {
        let named = rpc.metadata[stringValues: codeKey].first { _ in true }
        let hint = rpc.metadata[binaryValues: hintKey].first { _ in true }
        if let named, let code = ErrorCode(rawValue: named) {
            self.init(
                code, WireLimits.line(rpc.message),
                hint: hint.map { WireLimits.line(String(decoding: $0, as: UTF8.self)) })
            return
        }
        let code: ErrorCode =
            switch rpc.code {
            case .unavailable: .unavailable
            case .deadlineExceeded: .deadlineExceeded
            case .cancelled: .cancelled
            case .unauthenticated, .permissionDenied: .identityRefused
            case .resourceExhausted: .tooLarge
            case .invalidArgument: .invalidArgument
            default: .internal
            }
        self.init(
            code, "the other side did not answer: \(WireLimits.line(rpc.message))",
            cause: rpc.cause.map { "\($0)" })
    }
}

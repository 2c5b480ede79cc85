// What a caller says before its first message, checked before the gRPC library reads it: a negative
// `grpc-timeout` ended the program there (a precondition in GRPCCore 2.4.3, before any
// interceptor). A timeout that is none is left out, as the library does with others that it cannot
// read.
import GRPCCore
import GRPCNIOTransportHTTP2Posix

struct CheckedServerTransport: ServerTransport {
    typealias Bytes = HTTP2ServerTransport.Posix.Bytes

    let transport: HTTP2ServerTransport.Posix

    func configure(context: GRPCServerContext) { transport.configure(context: context) }

    func listen(
        streamHandler:
            @escaping @Sendable (RPCStream<Inbound, Outbound>, ServerContext) async -> Void
    ) async throws {
        try await transport.listen { stream, context in
            let parts = stream.inbound.map { part in
                guard case .metadata(let metadata) = part else { return part }
                return .metadata(metadata.withoutUnreadableTimeout)
            }
            await streamHandler(
                RPCStream(
                    descriptor: stream.descriptor, inbound: RPCAsyncSequence(wrapping: parts),
                    outbound: stream.outbound), context)
        }
    }

    func beginGracefulShutdown() { transport.beginGracefulShutdown() }
}

extension Metadata {
    /// The metadata without a `grpc-timeout` that is not 1 to 8 digits and a unit
    /// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
    var withoutUnreadableTimeout: Metadata {
        let key = "grpc-timeout"
        let isReadable = self[stringValues: key].allSatisfy { text in
            let digits = text.utf8.dropLast()
            return (1...8).contains(digits.count)
                && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                && text.utf8.last.map { "HMSmun".utf8.contains($0) } == true
        }
        guard !isReadable else { return self }
        var metadata = self
        metadata.removeAllValues(forKey: key)
        return metadata
    }
}

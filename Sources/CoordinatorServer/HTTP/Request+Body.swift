// Reads a request's body once, into the place where it is used: a safetensors body is scored from
// there.
import HTTPTypes
import Hummingbird
import LanguageSystem
import NIOCore

enum RerankMediaType {
    case json
    case safetensors

    /// - Throws: `wrongMediaType` for anything else; nothing said is JSON.
    init(_ contentType: String?) throws(CoordinatorError) {
        guard let text = contentType else {
            self = .json
            return
        }
        if text == "application/vnd.safetensors" {
            self = .safetensors
            return
        }
        let name = text.prefix { $0 != ";" }.lowercased().trimmingPrefix { $0 == " " }
        switch name.prefix(while: { $0 != " " }) {
        case "application/json": self = .json
        case "application/vnd.safetensors", "application/octet-stream": self = .safetensors
        default: throw .wrongMediaType(text)
        }
    }
}

extension Request {
    /// - Throws: `invalidArgument` for a body that is compressed on its way: the end of its chunks
    ///   is found, what they say is not.
    func checkTransferEncoding() throws(CoordinatorError) {
        guard let encoding = headers[.transferEncoding], !encoding.isPlainlyChunked else { return }
        throw .transferEncoded(encoding)
    }

    /// - Throws: `wrongMediaType`, also for a body that is compressed.
    func mediaType() throws(CoordinatorError) -> RerankMediaType {
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw .bodyEncoded(encoding)
        }
        return try RerankMediaType(headers[.contentType])
    }

    /// Reads the body and runs `use` with it; its bytes are held until that is done.
    ///
    /// - Throws: `tooLarge` as soon as more than `byteCountMax` bytes are announced or have come,
    ///   `busy` when there is no room for them; what `use` throws.
    func withBytes<Value>(
        upTo byteCountMax: Int, _ admission: Admission, _ use: ([UInt8]) async throws -> Value
    ) async throws -> Value {
        var bytes: [UInt8] = []
        var heldCount = 0
        defer { admission.letGo(heldCount) }
        if let announced = headers[.contentLength].flatMap({ Int($0) }) {
            guard announced <= byteCountMax else { throw CoordinatorError.bodyTooLarge() }
            try admission.checkRoom(for: announced)
            // Addresses, not memory, until it comes.
            bytes.reserveCapacity(max(0, announced))
        }
        for try await chunk in body {
            let count = bytes.count + chunk.readableBytes
            guard count <= byteCountMax else { throw CoordinatorError.bodyTooLarge() }
            try admission.hold(count - heldCount, of: count)
            heldCount = count
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return try await use(bytes)
    }
}

extension StringProtocol {
    /// Of a transfer-encoding.
    var isPlainlyChunked: Bool {
        lowercased().split { $0 == " " || $0 == "\t" } == ["chunked"]
    }
}

extension CoordinatorError {
    static func bodyTooLarge() -> Self {
        Self(
            .tooLarge, "cannot read the request: its body is larger than this server accepts",
            hint: "send fewer candidates, or float16 instead of float32")
    }

    static func transferEncoded(_ found: String) -> Self {
        Self(
            .invalidArgument,
            "cannot read the request: its transfer-encoding is '\(found.printable(80))', "
                + "expected chunked or none",
            hint: "features hardly get smaller by compression; send float16 or bfloat16")
    }

    static func bodyEncoded(_ found: String) -> Self {
        Self(
            .wrongMediaType,
            """
            cannot read the request: its content-encoding is '\(found.printable(80))', expected none
            """,
            hint: "features hardly get smaller by compression; send float16 or bfloat16")
    }

    static func wrongMediaType(
        _ found: String, expected: String = "application/json or application/vnd.safetensors"
    ) -> Self {
        Self(
            .wrongMediaType,
            """
            cannot read the request: its content-type is '\(found.printable(80))', expected \
            \(expected)
            """
        )
    }
}

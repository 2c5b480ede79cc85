// Reads a request's body once, into the place where it is used: a safetensors body is scored from
// there.
import Hummingbird
import LanguageSystem
import NIOCore

extension Request {
    /// Reads the body and runs `use` with it; its bytes are held until that is done.
    ///
    /// - Parameter head: What was said of the body, and is not more than `byteCountMax`.
    /// - Throws: `tooLarge` as soon as more than `byteCountMax` bytes have come, `busy` when there
    ///   is no room for them; what `use` throws.
    func withBytes<Value>(
        of head: RequestHead.Body, upTo byteCountMax: Int, _ admission: Admission,
        _ use: ([UInt8]) async throws -> Value
    ) async throws -> Value {
        var bytes: [UInt8] = []
        var heldCount = 0
        defer { admission.release(heldCount) }
        try admission.checkRoom(for: head.announcedByteCount)
        // Addresses, not memory, until it comes.
        bytes.reserveCapacity(max(0, head.announcedByteCount))
        for try await chunk in body {
            let count = bytes.count + chunk.readableBytes
            guard count <= byteCountMax else { throw LanguageSystemError.bodyTooLarge() }
            try admission.hold(count - heldCount, of: count)
            heldCount = count
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return try await use(bytes)
    }
}

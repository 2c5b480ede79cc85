public import LanguageSystem

extension LedgerStore {
    /// All bytes of a version's weights, in as many reads as it takes.
    ///
    /// - Throws: `tooLarge` past `byteCountMax`.
    public func readWhole(_ digest: Digest, byteCountMax: Int = 1 << 30)
        async throws(CoordinatorError)
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        while true {
            let piece = try await readBlob(digest, from: Int64(bytes.count))
            guard piece.byteCount <= byteCountMax else {
                throw CoordinatorError(
                    .tooLarge,
                    """
                    cannot read \(digest.short)… whole: found \(piece.byteCount) bytes, expected \
                    at most \(byteCountMax)
                    """
                )
            }
            if bytes.isEmpty { bytes.reserveCapacity(Int(piece.byteCount)) }
            bytes += piece.bytes
            if bytes.count >= piece.byteCount || piece.bytes.isEmpty { return bytes }
        }
    }
}

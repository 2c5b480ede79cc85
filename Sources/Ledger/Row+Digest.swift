// Views show digests as hexadecimal text, for people; here they become digests again.
import LanguageSystem
import PostgresAccess

extension Row {
    func decodeHexDigest(_ column: String) throws(PostgresError) -> Digest {
        let text = try decode(String.self, column)
        guard let digest = Digest(hex: text) else {
            throw PostgresError(.usage, "column \"\(column)\" holds no digest")
        }
        return digest
    }
}

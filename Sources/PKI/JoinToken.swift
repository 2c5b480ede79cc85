// The text that lets one worker in: LS1<SHA-256 of the authority's key>::<id>.<secret>. The pin
// comes first because it is used first: the secret is sent only to whoever holds the pinned key.
public import LanguageSystem

/// A join token: `LS1<pin>::<id>.<secret>`. Descriptions and errors never contain the secret.
public struct JoinToken: Sendable, Hashable, CustomStringConvertible {
    static let prefix = "LS1"

    /// SHA-256 of the authority's SubjectPublicKeyInfo in DER.
    public let authorityPin: Digest
    /// The public part of the token, by which the database finds it.
    public let id: String
    /// The secret part; the database stores only its digest.
    public let secret: String

    public init(authorityPin: Digest, id: String, secret: String) throws(LanguageSystemError) {
        guard Self.isWord(id, 1...64) else { throw .malformedToken("found no id after '::'") }
        guard Self.isWord(secret, 16...128) else {
            throw .malformedToken("found no secret of 16 to 128 letters and digits after the id")
        }
        self.authorityPin = authorityPin
        self.id = id
        self.secret = secret
    }

    /// - Throws: `tokenRefused`, without repeating the token.
    public init(_ text: some StringProtocol) throws(LanguageSystemError) {
        guard text.utf8.count <= 512 else {
            throw .malformedToken("found \(text.utf8.count) characters, expected at most 512")
        }
        guard text.utf8.starts(with: Self.prefix.utf8) else {
            throw .malformedToken("it does not begin with \(Self.prefix)")
        }
        let rest = Array(text.utf8.dropFirst(Self.prefix.utf8.count))
        let hexCount = 2 * Digest.byteCount
        // Lower case only: one token has one text.
        guard rest.count >= hexCount,
            rest[..<hexCount].allSatisfy({
                Self.isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }),
            let pin = Digest(hex: String(decoding: rest[..<hexCount], as: UTF8.self))
        else {
            throw .malformedToken("expected 64 hexadecimal digits after \(Self.prefix)")
        }
        let tail = rest[hexCount...]
        guard tail.starts(with: "::".utf8) else {
            throw .malformedToken("expected '::' after the digits")
        }
        let parts = tail.dropFirst(2).split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .malformedToken("expected ID.SECRET after '::'") }
        try self.init(
            authorityPin: pin, id: String(decoding: parts[0], as: UTF8.self),
            secret: String(decoding: parts[1], as: UTF8.self))
    }

    /// The whole token, with the secret.
    public var text: String { "\(Self.prefix)\(authorityPin)::\(id).\(secret)" }

    /// The token without its secret, for logs.
    public var description: String { "\(Self.prefix)\(authorityPin.short)…::\(id).<redacted>" }

    private static func isWord(_ text: String, _ counts: ClosedRange<Int>) -> Bool {
        counts.contains(text.utf8.count)
            && text.utf8.allSatisfy {
                isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                    || "_-".utf8.contains($0)
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

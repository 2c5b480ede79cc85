// Whether a text is an IP address, or may be the name of a host, and why not. Nothing is looked up.
// A name that TLS libraries do not compare with a certificate is none here: whoever used it would
// be refused with other words.
import Foundation
import LanguageSystem

/// Reads host names and IP addresses, and tells which of them a certificate can name.
public enum HostAddress {
    /// The 4 or 16 bytes of an IP address in network order; nil for any other text.
    public static func bytes(of text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var sixteen = in6_addr()
        if inet_pton(AF_INET6, text, &sixteen) == 1 {
            return withUnsafeBytes(of: &sixteen) { Array($0) }
        }
        return nil
    }

    /// The text of an IP address of 4 or 16 bytes; nil for any other count.
    static func text(of bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
    }

    /// Whether the text is a host name: labels of 1 to 63 letters, digits and `-`, 253 characters
    /// in all.
    public static func isHostName(_ text: String) -> Bool { nameFault(in: text) == nil }

    /// Why a certificate cannot name this host, so that TLS clients cannot verify it; nil when it
    /// can.
    public static func fault(in text: String) -> String? {
        bytes(of: text) == nil ? nameFault(in: text) : nil
    }

    private static func nameFault(in text: String) -> String? {
        if text.isEmpty { return "it is empty" }
        if text.utf8.count > 253 { return "it is longer than 253 characters" }
        if text.contains("://") { return "it is a URL: write its host alone" }
        if text.hasPrefix("["), text.hasSuffix("]"),
            bytes(of: String(text.dropFirst().dropLast())) != nil
        {
            return "an IPv6 address that has no port is written without brackets"
        }
        if text.contains("%") { return "certificates hold no zone of an IPv6 address ('%')" }
        if isHostWithPort(text) { return "it names a port: write its host alone" }
        if text.contains(":") { return "it is no IPv6 address, and a name holds no ':'" }
        if text.contains("_") { return "TLS libraries refuse names with '_'" }
        if text.hasSuffix(".") { return "certificates hold no name with a dot at its end" }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            if label.isEmpty { return "it has nothing between two dots" }
            if label.utf8.count > 63 { return "it has more than 63 characters between two dots" }
            if label.first == "-" || label.last == "-" {
                return "a part of it begins or ends with '-'"
            }
            if !label.utf8.allSatisfy(isLetterOrDigit) {
                return "it has other characters than letters, digits, '-' and '.'"
            }
        }
        if labels.last?.utf8.allSatisfy({ isDigit($0) }) == true {
            return "it ends in a number and is no IPv4 address"
        }
        return nil
    }

    /// Whether the text is `host:port` or `[address]:port`, which other settings expect.
    private static func isHostWithPort(_ text: String) -> Bool {
        guard let place = try? HostPort(text) else { return false }
        return text.hasPrefix("[") || !place.host.contains(":")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "-")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

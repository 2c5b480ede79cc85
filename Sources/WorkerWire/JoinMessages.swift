// What a worker says and hears over HTTPS while it has no certificate: GET /v1/ca, POST /v1/join,
// /v1/recover.
public import Foundation

/// The HTTP paths of joining, and the default ports.
public enum JoinPaths {
    /// The authority's certificates in PEM (GET).
    public static let authority = "/v1/ca"
    /// Where a new worker sends its `JoinRequest` (POST).
    public static let join = "/v1/join"
    /// Where a worker whose certificate expired sends its `RecoverRequest` (POST).
    public static let recover = "/v1/recover"
    /// The HTTPS port.
    public static let defaultPort = 8443
    /// The workers' gRPC port.
    public static let defaultWorkerPort = 8444
    /// The largest request or reply, 64 KiB.
    public static let byteCountMax = 64 << 10
}

/// The body of POST /v1/join.
public struct JoinRequest: Codable, Sendable, Hashable, CustomStringConvertible {
    /// The public part of the join token.
    public let id: String
    /// The secret part of the join token.
    public let secret: String
    /// The name that the worker asks for; a name in the token has precedence.
    public let name: String?
    /// The certificate request (PKCS #10 in DER); base64 in JSON.
    public let certificateRequest: [UInt8]

    enum CodingKeys: String, CodingKey {
        case id, secret, name
        case certificateRequest = "certificate_request"
    }

    public init(id: String, secret: String, name: String?, certificateRequest: [UInt8]) {
        self.id = id
        self.secret = secret
        self.name = name
        self.certificateRequest = certificateRequest
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        secret = try container.decode(String.self, forKey: .secret)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        certificateRequest = Array(try container.decode(Data.self, forKey: .certificateRequest))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(secret, forKey: .secret)
        try container.encodeIfPresent(name, forKey: .name)
        try container.encode(Data(certificateRequest), forKey: .certificateRequest)
    }

    /// The request without the secret, for logs.
    public var description: String { "join with token \(id)" }
}

/// The body of POST /v1/recover: a worker whose certificate expired, with the key it joined with.
public struct RecoverRequest: Codable, Sendable, Hashable {
    public let name: String
    /// The certificate request (PKCS #10 in DER), signed with that key; base64 in JSON.
    public let certificateRequest: Data

    enum CodingKeys: String, CodingKey {
        case name
        case certificateRequest = "certificate_request"
    }

    public init(name: String, certificateRequest: [UInt8]) {
        self.name = name
        self.certificateRequest = Data(certificateRequest)
    }
}

/// The answer to a join and to a recovery.
public struct JoinReply: Codable, Sendable, Hashable {
    /// The worker's name.
    public let worker: String
    /// The certificates in PEM: the worker's own, then the authority's.
    public let certificateChain: String
    /// The workers' gRPC port, on the host that was asked.
    public let workerPort: Int

    enum CodingKeys: String, CodingKey {
        case worker
        case certificateChain = "certificate_chain"
        case workerPort = "worker_port"
    }

    public init(worker: String, certificateChain: String, workerPort: Int) {
        self.worker = worker
        self.certificateChain = certificateChain
        self.workerPort = workerPort
    }
}

/// The JSON body of a refusal, the same on every path.
public struct RefusalBody: Codable, Sendable, Hashable {
    /// The error, as `LanguageSystemError` has it.
    public struct Content: Codable, Sendable, Hashable {
        /// The name of an `ErrorCode`.
        public let code: String
        /// What could not be done, in one sentence.
        public let message: String
        public let hint: String?
    }

    public let error: Content
}

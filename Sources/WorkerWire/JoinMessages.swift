// What a worker says and hears over HTTPS while it has no certificate: GET /v1/ca, POST /v1/join,
// /v1/recover.
public import Foundation

public enum JoinPaths {
    public static let authority = "/v1/ca"
    public static let join = "/v1/join"
    public static let recover = "/v1/recover"
    public static let defaultPort = 8443
    public static let defaultWorkerPort = 8444
    /// Of a request or a reply.
    public static let byteCountMax = 64 << 10
}

/// The body of POST /v1/join.
public struct JoinRequest: Codable, Sendable, Hashable, CustomStringConvertible {
    public let id: String
    public let secret: String
    /// What the worker would like to be called; the token's name wins.
    public let name: String?
    /// PKCS #10, DER; base64 in JSON.
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

    /// Without the secret.
    public var description: String { "join with token \(id)" }
}

/// The body of POST /v1/recover: a worker whose certificate ran out, with the key it joined with.
public struct RecoverRequest: Codable, Sendable, Hashable {
    public let name: String
    /// PKCS #10, DER, signed with that key; base64 in JSON.
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

/// The answer to both.
public struct JoinReply: Codable, Sendable, Hashable {
    /// The name the worker got.
    public let worker: String
    /// PEM: the worker's certificate, then the authority's.
    public let certificateChain: String
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

/// The body of a refusal.
public struct RefusalBody: Codable, Sendable, Hashable {
    public struct Content: Codable, Sendable, Hashable {
        public let code: String
        public let message: String
        public let hint: String?
    }

    public let error: Content
}

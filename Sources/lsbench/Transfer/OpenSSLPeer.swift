// The same bytes over the same loopback by `openssl s_server` and `openssl s_client`: TLS 1.3, a
// certificate on both sides, from a file into a file. Nothing is stored, framed, checked or resumed
// there: what the machine gives to who only encrypts.
import Benchmarking
import Foundation
import LanguageSystem

struct OpenSSLPeer: Sendable {
    private let directory: URL

    /// - Parameter directory: The directory for its certificate and the received files.
    init(directory: URL) throws {
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let request = try start(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", "key.pem", "-out", "certificate.pem", "-days", "2", "-subj",
                "/CN=localhost",
            ], output: FileHandle.nullDevice)
        request.waitUntilExit()
        guard request.terminationStatus == 0 else {
            throw LanguageSystemError.noOpenSSL("it makes no certificate")
        }
    }

    /// The times of one transfer, in seconds.
    struct Times {
        /// The seconds until every client had written its last byte.
        let received: Double
        /// The seconds until the written files were on disk, too, as ours are.
        let synced: Double
    }

    /// Moves the files with one pair of programs each, all at once. The servers listen before the
    /// clock starts.
    func move(_ files: [String]) throws -> Times {
        var servers: [Server] = []
        defer { for server in servers { server.process.terminate() } }
        for file in files { servers.append(try listen(for: file)) }
        let received = try files.indices.map { index in
            let path = directory.appendingPathComponent("received-\(index)").path
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            return try FileHandle(forUpdating: URL(fileURLWithPath: path))
        }
        defer {
            for index in files.indices {
                unlink(directory.appendingPathComponent("received-\(index)").path)
            }
        }
        let start = ContinuousClock.now
        let clients = try zip(servers, zip(files, received)).map { server, transfer in
            let input = Pipe()
            let client = try self.start(
                [
                    "s_client", "-connect", "127.0.0.1:\(server.port)", "-tls1_3", "-quiet",
                    "-verify_return_error",
                ] + Self.identity, input: input, output: transfer.1)
            // Its input stays open: at the end of it the client would leave.
            let name = (transfer.0 as NSString).lastPathComponent
            try input.fileHandleForWriting.write(
                contentsOf: Data("GET /\(name) HTTP/1.0\r\n\r\n".utf8))
            return (client, input)
        }
        for (client, _) in clients { client.waitUntilExit() }
        let end = ContinuousClock.now
        for file in received { fsync(file.fileDescriptor) }
        let synced = ContinuousClock.now
        for (file, handle) in zip(files, received) {
            let (expected, found) = (try Self.byteCount(file), try handle.seekToEnd())
            guard expected == found else {
                throw LanguageSystemError.noOpenSSL("it moved \(found) of \(expected) bytes")
            }
        }
        return Times(
            received: (end - start).inSeconds, synced: (synced - start).inSeconds)
    }

    private struct Server {
        let process: Process
        let port: Int
    }

    private static let identity = [
        "-cert", "certificate.pem", "-key", "key.pem", "-CAfile", "certificate.pem",
    ]

    /// Starts a server for one connection. It tries another port when this one is in use.
    private func listen(for file: String) throws -> Server {
        // It serves files of the directory it runs in.
        let link = directory.appendingPathComponent((file as NSString).lastPathComponent).path
        if !FileManager.default.fileExists(atPath: link) {
            try FileManager.default.createSymbolicLink(
                atPath: link, withDestinationPath: file)
        }
        for _ in 0..<20 {
            let port = Int.random(in: 15_000...32_000)
            let log = directory.appendingPathComponent("server-\(port).log")
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
            let process = try start(
                [
                    "s_server", "-accept", "127.0.0.1:\(port)", "-tls1_3", "-HTTP", "-naccept", "1",
                    "-Verify", "1", "-verify_return_error",
                ] + Self.identity, output: try FileHandle(forWritingTo: log))
            for _ in 0..<500 where process.isRunning {
                let text = try? String(contentsOf: log, encoding: .utf8)
                if text?.contains("ACCEPT") == true { return Server(process: process, port: port) }
                usleep(10_000)
            }
            process.terminate()
        }
        throw LanguageSystemError.noOpenSSL("it does not listen")
    }

    private func start(
        _ arguments: [String], input: Pipe? = nil, output: FileHandle
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = directory
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func byteCount(_ path: String) throws -> UInt64 {
        try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).seekToEnd()
    }
}

extension LanguageSystemError {
    fileprivate static func noOpenSSL(_ complaint: String) -> Self {
        Self(
            .unavailable, "openssl gave no figure: \(complaint)",
            hint: "install openssl, or leave it out with --no-openssl")
    }
}

// What people get wrong on the way in, and what they read: each once with the real programs.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A mistake on the way in` {
    @Test func `a mistake while joining is answered in words that lead out of it`() async throws {
        let grpcPort = try freePort()
        try await Installation.with(grpcPort: grpcPort) { installation in
            let made = try await installation.lscoord("token", "create", "--quiet")
            let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            func join(_ coordinator: String, _ token: String, _ flags: [String] = [])
                async throws -> Ending
            {
                try await run(
                    Programs.path("lsworker"),
                    [
                        "join", "--coordinator", coordinator, "--state-dir",
                        installation.home.appendingPathComponent("w").path,
                    ] + flags, environment: ["LSWORKER_TOKEN": token], within: 60)
            }
            let rest = installation.restPort

            // The command that is shown leads to the port that is open, here for this machine
            // alone.
            let shown = try await installation.lscoord("token", "create")
            #expect(
                shown.output.contains("lsworker join --coordinator localhost:\(rest) --token LS1"),
                "\(shown)")
            #expect(shown.output.contains("--server-name NAME"), "\(shown)")
            // Nobody listens there: what is shown first is what the certificate names first.
            var other = installation.environment
            other["LSCOORD_SERVER_NAMES"] = "coordinator.example.org,10.0.0.7"
            try FileManager.default.removeItem(
                atPath: installation.dataDirectory + "/join-address")
            let elsewhere = try await run(
                Programs.path("lscoord"), ["token", "create"], environment: other)
            #expect(
                elsewhere.output.contains("--coordinator coordinator.example.org:\(rest) "),
                "\(elsewhere)")

            // Another port of the coordinator.
            var ending = try await join("localhost:\(installation.workerPort)", token)
            #expect(ending.status == 78, "\(ending)")
            #expect(
                ending.errors.contains(
                    """
                    cannot use localhost:\(installation.workerPort): it asks for a client's \
                    certificate, as the workers' port does
                    """
                ), "\(ending)")
            #expect(ending.errors.contains("hint: name the HTTPS port"), "\(ending)")
            ending = try await join("localhost:\(grpcPort)", token)
            #expect(ending.status != 0 && ending.errors.contains("is it the HTTPS port of lscoord"))

            // Names that TLS cannot verify.
            for (host, reason) in [("my_host", "'_'"), ("host..org", "nothing between two dots")] {
                ending = try await join("\(host):\(rest)", token)
                #expect(ending.status == 78 && ending.errors.contains(reason), "\(ending)")
                for flag in ["--server-name", "--peer-address"] {
                    ending = try await installation.lscoord(
                        "serve", flag, flag == "--peer-address" ? "\(host):1" : host)
                    #expect(ending.status == 78 && ending.errors.contains(reason), "\(ending)")
                    #expect(ending.errors.contains("cannot use \(flag) '\(host)'"), "\(ending)")
                }
            }

            // A token that is none; and an empty variable, which is no token.
            ending = try await join("localhost:\(rest)", "LS1abc")
            #expect(ending.errors.contains("cannot use this join token"), "\(ending)")
            ending = try await join("localhost:\(rest)", "\n")
            #expect(ending.errors.contains("this worker has not joined yet"), "\(ending)")

            // A token as files bring it into the environment is one.
            try installation.startWorker("edge", token: "\(token)\r\n")
            try await eventually(within: 30, "it is connected") {
                try await installation.sql("select state from ls.worker_status") == "connected"
            }
        }
    }
}

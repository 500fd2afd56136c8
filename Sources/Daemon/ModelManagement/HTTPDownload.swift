import Foundation
import Processes

/// Gets files over HTTP by running the program `curl` from PATH.
///
/// curl reads no configuration file here, and gets only the variables in `passedVariables`. It uses HTTP and HTTPS alone, follows at
/// most ten redirects, waits 30 s for a connection, and gives up when nothing arrives for 60 s.
enum HTTPDownload {
    /// Why a request failed, or ended early.
    struct Failure: Error, Equatable {
        /// The reason, as a sentence.
        let message: String
        /// Whether trying again may help.
        let isTransient: Bool
        /// Whether bytes that arrived are no part of the file.
        var isBodyForeign = false
    }

    /// The result of a request that did not fail.
    enum Outcome: Equatable {
        /// All bytes from the requested one on have arrived.
        case complete
        /// Nothing has arrived: the requested byte is at the file's end, or beyond.
        case atEnd
        /// Nothing has arrived: this server can send the file only from its beginning.
        case noRanges
    }

    /// Variables of the environment for curl: proxies and certificates.
    private static let passedVariables = [
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
        "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ]

    /// Gets a file from a byte on.
    ///
    /// - Parameters:
    ///   - offset: the first byte to get.
    ///   - receive: takes the bytes in order; an error that it throws ends the request.
    /// - Throws: `Failure`, or what `receive` throws.
    static func get(_ url: URL, from offset: Int, receive: (ArraySlice<UInt8>) throws -> Void) throws
        -> Outcome
    {
        guard let curl = ProgramRun.path(of: "curl") else {
            throw Failure(message: "downloads need the program curl (apt install curl)", isTransient: false)
        }
        let variables = ProcessInfo.processInfo.environment
        let environment = passedVariables.compactMap { name in variables[name].map { "\(name)=\($0)" } }
        var received = 0
        let run = try ProgramRun.run(
            [curl] + options(offset) + ["--url", url.absoluteString], environment: environment + ["LC_ALL=C"]
        ) { bytes in
            received += bytes.count
            try receive(bytes)
        }
        guard let run else { throw Failure(message: "\(curl) cannot be run", isTransient: false) }
        let errors = String(decoding: run.errors, as: UTF8.self)
        return try outcome(wait: run.status, errors, received: received)
    }

    private static func options(_ offset: Int) -> [String] {
        let options = [
            "--disable",  // reads no .curlrc; curl wants it first
            "--silent", "--show-error", "--fail", "--globoff", "--no-buffer", "--location",
            "--max-redirs", "10", "--proto", "=http,https", "--proto-redir", "=http,https",
            "--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "60",
            "--user-agent", "clipdragd", "--write-out", "%{stderr}\n\(statusMark)%{http_code}\n",
        ]
        return offset == 0 ? options : options + ["--continue-at", "\(offset)"]
    }

    /// Begins the line of curl's standard error that has the answer's status.
    private static let statusMark = "status "

    /// The meaning of curl's end.
    ///
    /// - Parameters:
    ///   - wait: how it ended, as wait(2) reports it.
    ///   - errors: what it printed on standard error.
    ///   - received: bytes that it printed on standard output.
    static func outcome(wait: Int32, _ errors: String, received: Int) throws(Failure) -> Outcome {
        let lines = errors.split(separator: "\n")
        let status = lines.last { $0.hasPrefix(statusMark) }.flatMap { Int($0.dropFirst(statusMark.count)) }
        guard wait & 0x7f == 0 else {
            throw Failure(message: "curl was killed by signal \(wait & 0x7f)", isTransient: true)
        }
        let code = wait >> 8 & 0xff
        switch (code, status ?? 0) {
        case (0, 200), (0, 206): return .complete
        case (_, 416): return .atEnd
        case (33, _): return .noRanges
        case (0, let status), (22, let status):
            throw Failure(
                message: "the server answered \(status)", isTransient: status >= 500 || status == 429,
                isBodyForeign: received > 0)
        default:
            let words = lines.first { $0.hasPrefix("curl: ") } ?? "curl: (\(code))"
            let (reason, isTransient) = reason(code)
            throw Failure(message: "\(reason) (\(words))", isTransient: isTransient)
        }
    }

    /// The meaning of an exit code of curl(1), and whether trying again may help.
    private static func reason(_ code: Int32) -> (String, isTransient: Bool) {
        switch code {
        case 1, 3: ("curl cannot read this address", false)
        case 5: ("the proxy's name is unknown", true)
        case 6: ("the server's name is unknown", true)
        case 7: ("the server cannot be reached", true)
        case 18: ("the connection ended before the file did", true)
        case 28: ("the server was silent for too long", true)
        case 47: ("the server redirects more than ten times", false)
        case 52: ("the server answered nothing", true)
        case 56: ("the connection broke", true)
        case 60, 77: ("the server's certificate cannot be trusted", false)
        default: ("the connection failed", true)
        }
    }
}

import Testing

@testable import ModelManagement

/// What curl's exit code and the server's status mean.
@Suite struct HTTPDownloadTests {
    private func outcome(_ code: Int32, _ status: Int, _ message: String = "", received: Int = 0) throws
        -> HTTPDownload.Outcome
    {
        try HTTPDownload.outcome(
            wait: code << 8, "curl: (\(code)) \(message)\n\nstatus \(status)\n", received: received)
    }

    @Test func `a complete answer, one beyond the file's end, and one without ranges are distinguished`()
        throws
    {
        #expect(try outcome(0, 200) == .complete)
        #expect(try outcome(0, 206) == .complete)
        #expect(try outcome(0, 416) == .atEnd)
        #expect(try outcome(22, 416) == .atEnd)
        #expect(try outcome(33, 200) == .noRanges)
    }

    @Test(arguments: [
        (22, 404, false), (22, 503, true), (22, 429, true), (0, 300, false), (7, 0, true), (28, 200, true),
        (18, 206, true), (47, 302, false), (60, 0, false), (99, 0, true),
    ]) func `a failure says whether another try may help`(_ code: Int32, _ status: Int, _ helps: Bool) {
        let failure = #expect(throws: HTTPDownload.Failure.self) { try outcome(code, status, "why") }
        #expect(failure?.isTransient == helps)
        #expect(failure?.isBodyForeign == false)
    }

    @Test func `a failure has our own words and those of curl`() {
        let failure = #expect(throws: HTTPDownload.Failure.self) { try outcome(6, 0, "Could not resolve: x") }
        #expect(failure?.message == "the server's name is unknown (curl: (6) Could not resolve: x)")
    }

    @Test func `the body of an error answer is no part of the file`() {
        let failure = #expect(throws: HTTPDownload.Failure.self) { try outcome(0, 300, received: 7) }
        #expect(failure?.isBodyForeign == true)
    }

    @Test func `a curl that was killed may be run again`() {
        let failure = #expect(throws: HTTPDownload.Failure.self) {
            try HTTPDownload.outcome(wait: 9, "", received: 0)
        }
        #expect(failure?.isTransient == true)
    }
}

import Foundation

/// Names of jobs: the time of the claim, the mark of the inbox, and random letters. Later IDs sort later. Daemons that
/// share an outbox recognise their own jobs by the mark.
///
///     20261125-153012123-k3f9qa-ab12cd
enum JobID {
    private static let alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    private static let length = 6

    /// A new ID for a job of an inbox.
    static func next(_ mark: String, _ date: Date = Date()) -> String {
        let time = date.formatted(
            .iso8601.year().month().day().timeSeparator(.omitted).dateSeparator(.omitted).time(
                includingFractionalSeconds: true))
        return
            "\(time.replacingOccurrences(of: ".", with: "").replacingOccurrences(of: "T", with: "-"))-\(mark)-\(letters())"
            .lowercased()
    }

    /// Random letters, such as an inbox's mark.
    static func letters() -> String { String((0..<length).map { _ in alphabet.randomElement() ?? "x" }) }

    /// Whether a text may be the mark of an inbox.
    static func isMark(_ text: some StringProtocol) -> Bool {
        text.count == length && text.allSatisfy(alphabet.contains)
    }

    /// The mark of the inbox that a job came from.
    static func mark(of id: String) -> String? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 4 && isMark(parts[2]) ? String(parts[2]) : nil
    }
}

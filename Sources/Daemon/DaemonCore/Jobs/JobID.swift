import Foundation

/// Names of jobs: the time of the claim and some random letters, so that later ones sort later.
enum JobID {
    static func next(_ date: Date = Date()) -> String {
        let time = date.formatted(
            .iso8601.year().month().day().timeSeparator(.omitted).dateSeparator(.omitted).time(
                includingFractionalSeconds: true))
        let letters = (0..<6).map { _ in "abcdefghijklmnopqrstuvwxyz0123456789".randomElement() ?? "x" }
        return
            "\(time.replacingOccurrences(of: ".", with: "").replacingOccurrences(of: "T", with: "-"))-\(String(letters))"
            .lowercased()
    }
}

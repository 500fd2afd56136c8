import ArgumentParser
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import Processes

/// The line of `--version --json`.
private struct VersionLine: Record {
    static let schema = "clipdrag-version/1"
    let version: String
}

/// The command line (man/clipdragd.1.md).
@main
struct Clipdragd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clipdragd",
        abstract: "Edits pictures dropped into a folder: drag points and a text, by CLIPDrag, on the CPU.",
        version: "clipdragd \(Version.current)",
        subcommands: [
            RunCommand.self, EditCommand.self, CheckCommand.self, PreviewCommand.self, EditorCommand.self,
            CaptionCommand.self,
            StatusCommand.self,
            ListCommand.self,
            ShowCommand.self, ExplainCommand.self, HoldCommand.self, ReleaseCommand.self, RequeueCommand.self,
            CancelCommand.self,
            GalleryCommand.self, ReportCommand.self, PauseCommand.self, DrainCommand.self, ResumeCommand.self,
            CheckConfigCommand.self,
            AddInboxCommand.self,
            ModelsCommand.self, BenchCommand.self, EvaluateCommand.self,
            EditWorkerCommand.self, GalleryUpdateCommand.self, TellHookCommand.self, ReadFilesCommand.self,
        ])

    /// Without /proc the program knows neither its arguments nor its own file, and could hold no worker to its limits.
    private static var missingProc: Failure? {
        guard access("/proc/self/exe", F_OK) != 0 else { return nil }
        return Failure(
            .badPlace, code: "proc.missing", message: "/proc is not there, and clipdragd needs it",
            hint: "Mount it: mount -t proc proc /proc.")
    }

    // Paths may be any bytes, but Swift decodes arguments as UTF-8.
    static func main() {
        StandardStream.setUpProcess()
        if let failure = missingProc {
            StandardStream.errors.write(failure.description + "\n")
            exit(withError: ExitCode(failure.exit.rawValue))
        }
        let words = joiningNegativeNumbers(Array(CommandLine.rawArguments.dropFirst()))
        let isJSON = words.contains("--json")
        do {
            if isJSON && words.contains("--version") {
                return print(VersionLine(version: Version.current).oneLine)
            }
            var command = try parseAsRoot(words)
            try command.run()
        } catch {
            // Commands print their own failures.
            if isJSON, !(error is ExitCode), exitCode(for: error) == .validationFailure {
                let failure = Failure(
                    .usage, code: "command.usage", message: message(for: error),
                    hint: "See `clipdragd --help`.")
                print(ErrorReport(failure).oneLine)
            }
            guard !(error is ExitCode), exitCode(for: error) == .validationFailure else {
                exit(withError: error)
            }
            // The parser's message repeats words of the command line.
            let lines = fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
            StandardStream.errors.write(
                lines.map { PathCoding.onOneLine(String($0)) }.joined(separator: "\n") + "\n")
            exit(withError: exitCode(for: error))
        }
    }
}

/// The words of a command line, with an option and the number after it as one word: a number that begins with `-` is that
/// option's value and no option, so that the check of its range can speak.
private func joiningNegativeNumbers(_ words: [String]) -> [String] {
    var joined: [String] = []
    for (i, word) in words.enumerated() {
        let isValue = word.wholeMatch(of: /-[.]?[0-9][0-9.,:eE+-]*/) != nil
        if isValue, let option = joined.last, option.hasPrefix("--"), option != "--", !option.contains("="),
            !words[..<i].contains("--")
        {
            joined[joined.count - 1] = "\(option)=\(word)"
        } else {
            joined.append(word)
        }
    }
    return joined
}

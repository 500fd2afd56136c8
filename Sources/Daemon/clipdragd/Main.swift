import ArgumentParser
import EditJobs
import JobFiles

/// The command line (contract, "Command line").
@main
struct Clipdragd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clipdragd",
        abstract: "Edits pictures dropped into a folder: drag points and a text, by CLIPDrag, on the CPU.",
        version: "clipdragd \(Version.current)",
        subcommands: [
            RunCommand.self, EditCommand.self, CheckCommand.self, CaptionCommand.self, StatusCommand.self,
            ListCommand.self,
            ShowCommand.self, ExplainCommand.self, HoldCommand.self, ReleaseCommand.self, RequeueCommand.self,
            CancelCommand.self,
            PauseCommand.self, DrainCommand.self, ResumeCommand.self, CheckConfigCommand.self,
            ModelsCommand.self, BenchCommand.self,
            EditWorkerCommand.self,
        ])

    // Paths may be any bytes; what Swift makes of arguments is always UTF-8.
    static func main() { main(Array(CommandLine.rawArguments.dropFirst())) }
}

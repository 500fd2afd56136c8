import Settings
import Testing

/// The scripts by which shells complete the command line.
@Suite struct CompletionTests {
    @Test(arguments: ["bash", "zsh", "fish"])
    func `each shell's script has every command, and the words of its options`(_ shell: String) throws {
        let run = try Program.run(["--generate-completion-script", shell])
        #expect(run.code == 0)
        let commands = [
            "run", "edit", "check", "preview", "report", "gallery", "caption", "status", "list", "show",
            "explain", "hold", "release", "requeue", "cancel", "pause", "drain", "resume", "check-config",
            "add-inbox", "models", "bench",
        ]
        for word in commands + MethodRow.names + ["max_steps="] {
            #expect(run.output.contains(word), "\(shell): \(word)")
        }
        #expect(!run.output.contains("edit-worker"), "commands of the daemon alone are not offered")
    }
}

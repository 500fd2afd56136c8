import Foundation
import Processes

/// Runs systemctl(1) and journalctl(1), each for a bounded time: they wait for a service manager that may never answer.
struct SystemPrograms: Sendable {
    /// What a program answered.
    struct Answer {
        /// The lines that it printed, those of standard error last.
        let lines: [String]
        /// Why the answer does not count; nil: it does.
        let fault: Fault?
    }

    /// Why an answer does not count.
    enum Fault: Equatable {
        /// The program is not there, or ended with a failure.
        case failed
        /// It had not ended when its time was over: a sentence about that.
        case late(String)
    }

    /// Seconds for an answer that waits for no service.
    var answerSeconds = 60.0
    /// Seconds for a service to stop and start. It may have thousands of pairs to claim before it is ready.
    var startSeconds = 600.0
    /// Gives the path of a program.
    var path: @Sendable (String) -> String? = { ProgramRun.path(of: $0) }

    /// Runs a program.
    ///
    /// - Parameter isStart: whether it waits for a service to start.
    func run(_ name: String, _ words: [String], isStart: Bool = false) -> Answer {
        guard let path = path(name) else { return Answer(lines: [], fault: .failed) }
        var program = ContainedProgram([path] + words, seconds: isStart ? startSeconds : answerSeconds)
        program.outputLimit = 1 << 20
        // A manager that is no systemd may start the service as a child of its systemctl.
        program.keepsChildren = isStart
        let end = program.run()
        let text = String(decoding: end.output + end.errors, as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        switch end.cause {
        case .exited(0): return Answer(lines: lines, fault: nil)
        case .tookTooLong:
            let verb = words.first { !$0.hasPrefix("-") }.map { " \($0)" } ?? ""
            return Answer(
                lines: lines,
                fault: .late("`\(name)\(verb)` did not end within \(Int(program.seconds)) seconds"))
        default: return Answer(lines: lines, fault: .failed)
        }
    }
}

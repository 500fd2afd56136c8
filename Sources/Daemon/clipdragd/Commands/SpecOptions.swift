import ArgumentParser
import SpecParser

/// A number as it is written. `validate` reads it: its message names the range, and the parser's own would not.
struct WrittenNumber: ExpressibleByArgument {
    let text: String

    init(argument: String) { text = argument }
}

/// What a spec may say and a command line too, which wins.
struct SpecOptions: ParsableArguments {
    @Option(
        name: .customLong("drag"),
        help: ArgumentHelp(
            "A drag from handle to target, in pixels; repeatable. The spec's drags do not count then.",
            valueName: "X,Y:X,Y"))
    var drags: [String] = []

    @Option(help: ArgumentHelp("What the result is to show.", valueName: "TEXT"))
    var prompt: String?

    @Option(help: ArgumentHelp("recommended, paper, released or quick.", valueName: "NAME"))
    var preset: String?

    @Option(help: ArgumentHelp("The seed.", valueName: "N"))
    var seed: WrittenNumber?

    func validate() throws {
        if let prompt, prompt.allSatisfy(\.isWhitespace) { throw ValidationError("--prompt has no words.") }
        if let seed, UInt64(seed.text).map({ $0 > UInt64(Int.max) }) ?? true {
            throw ValidationError(
                "--seed takes a whole number from 0 to \(Int.max), not `\(seed.text)`.")
        }
    }

    /// Whether they give something to edit.
    var hasWork: Bool { !drags.isEmpty || prompt != nil }

    /// The same for the parser of specs.
    var overrides: SpecOverrides {
        var overrides = SpecOverrides()
        (overrides.drags, overrides.editPrompt) = (drags, prompt)
        (overrides.preset, overrides.seed) = (preset, seed.flatMap { UInt64($0.text) })
        return overrides
    }
}

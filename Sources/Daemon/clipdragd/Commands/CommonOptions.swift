import ArgumentParser
import DaemonCore
import Diffusion
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import ModelManagement
import Processes
import ServiceConfiguration
import Settings
import TensorCore

/// `--json`, everywhere.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object a line.")
    var json = false

    /// Runs a command's work; a failure is printed and becomes the exit code.
    func report(_ work: () throws -> Void) throws {
        do { try work() } catch let failure as Failure {
            say(failure)
            throw ArgumentParser.ExitCode(failure.exit.rawValue)
        }
    }

    /// Prints a line for people. Names and texts in it come from outside: what is not printable is escaped.
    func printLine(_ line: String) { print(PathCoding.onOneLine(line)) }

    /// Prints a warning on standard error: nothing of it is a line or an escape sequence of its own.
    static func warn(_ text: String) {
        StandardStream.errors.write("clipdragd: warning: \(PathCoding.onOneLine(text))\n")
    }

    /// Prints a failure on standard error, with `--json` also as an object on standard output.
    func say(_ failure: Failure) {
        if json { print(ErrorReport(failure).oneLine) }
        StandardStream.errors.write(failure.description + "\n")
    }
}

/// `--method`, of commands that plan an edit.
struct MethodOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The drag method; it overrides the spec's: \(MethodRow.names.joined(separator: ", ")).",
            valueName: "NAME"), completion: Completions.method)
    var method: String?

    func validate() throws {
        if let method, !MethodRow.names.contains(method) {
            throw ValidationError(
                "there is no method `\(method)`; there are: \(MethodRow.names.joined(separator: ", "))")
        }
    }

    /// The options of a configuration, with the method of the command line.
    func jobOptions(_ configuration: Configuration) -> JobOptions {
        var options = JobOptions(configuration)
        options.methodOverride = method
        return options
    }
}

/// Options of commands that run a model.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The model's folder or name.", valueName: "DIR|NAME"), completion: .directory)
    var model: String?

    @Option(help: "Threads to compute with (default: all cores). Results do not depend on it.")
    var threads: Int?

    /// The values of `--precision`.
    enum PrecisionChoice: String, ExpressibleByArgument, CaseIterable { case auto, f32, bf16 }

    @Option(
        help:
            "auto, f32 or bf16. auto: bf16 if the CPU computes in it and the model gains from it."
    )
    var precision = PrecisionChoice.auto

    func validate() throws {
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads takes a number from 1 to 256.")
        }
    }

    /// The model's folder.
    func folder(_ configuration: Configuration, state: String?) throws(Failure) -> String {
        try ModelStore(stateFolder: state).folder(of: model ?? configuration.model ?? ModelStore.defaultName)
    }

    /// Sets the kernels' threads, and this thread's precision for the model in a folder. Where the CPU does not compute
    /// in bf16, that stays f32.
    ///
    /// - Parameter automatic: what `auto` stands for; nil: bf16 for models of 256 pixels or more.
    func apply(_ folder: String, automatic: Kernels.Precision? = nil) {
        Kernels.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        let isWanted =
            switch precision {
            case .f32: false
            case .bf16: true
            case .auto: automatic.map { $0 == .bf16 } ?? ModelStore.gainsFromBF16(folder)
            }
        if isWanted { _ = Kernels.select(.bf16) }
    }
}

/// Where the daemon's set-up and state are.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: Completions.configuration)
    var config: String?

    @Option(
        help: ArgumentHelp("The state folder: history, caches and imported models.", valueName: "DIR"),
        completion: .directory)
    var state: String?

    /// The state folder: as given, `$STATE_DIRECTORY`, root's own, or the user's.
    var stateFolder: String {
        let environment = ProcessInfo.processInfo.environment
        if let state { return absolutePath(state) }
        if let given = environment["STATE_DIRECTORY"], !given.isEmpty {
            return given.split(separator: ":").first.map(String.init) ?? given
        }
        if getuid() == 0 { return "/var/lib/clipdragd" }
        let base = environment["XDG_STATE_HOME"] ?? "\(environment["HOME"] ?? "/")/.local/state"
        return "\(base)/clipdragd"
    }

    /// The cache of fine-tunings and inversions.
    func cache(_ configuration: Configuration) -> ContentCache {
        ContentCache(folder: StateLayout(stateFolder).cache, limit: configuration.limits.cache)
    }

    /// The configuration file that is in force, if there is one.
    var configurationFile: String? {
        if let config { return config }
        let environment = ProcessInfo.processInfo.environment
        let home = environment["XDG_CONFIG_HOME"] ?? "\(environment["HOME"] ?? "/")/.config"
        let places =
            getuid() == 0
            ? ["/etc/clipdragd/config.yaml"]
            : ["\(home)/clipdragd/config.yaml", "/etc/clipdragd/config.yaml"]
        return places.first { FileManager.default.fileExists(atPath: $0) }
    }

    /// The files of the configuration in force, if there is one.
    var configurationFiles: ConfigurationFiles? { configurationFile.map { ConfigurationFiles($0) } }

    /// The configuration in force.
    func configuration() throws(Failure) -> Configuration {
        guard let files = configurationFiles else { return Configuration() }
        // A missing path on the command line is the caller's mistake, not the configuration's.
        let read = try files.read(missing: config == nil ? .badConfiguration : .missingInput)
        return try parseConfiguration(read)
    }
}

/// A path made absolute against the working directory, without `.`, `..` and repeated slashes.
func absolutePath(_ path: String) -> String {
    let isAbsolute = path.utf8.first == UInt8(ascii: "/")
    let whole = isAbsolute ? path : "\(PathCoding.resolved(".") ?? "")/\(path)"
    var parts: [String] = []
    // By scalars, as `lastComponent`.
    for part in whole.unicodeScalars.split(separator: "/").map({ String($0) }) where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
}

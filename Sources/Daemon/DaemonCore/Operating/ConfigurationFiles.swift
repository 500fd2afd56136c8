import DurableFiles
import Failures
import JobFiles
import ServiceConfiguration
import SystemPackage

/// The files of a configuration: X.yaml, and after it the pieces in the folder X.d beside it.
public struct ConfigurationFiles: Sendable {
    /// X.yaml.
    public let main: String

    /// The configuration of a main file.
    public init(_ main: String) { self.main = main }

    /// Where its pieces lie.
    public var folder: String {
        let name = lastComponent(main)
        return "\(main.dropLast(name.count))\(stem(name)).d"
    }

    /// The pieces, in the order of their names' bytes.
    public func pieces() throws(Failure) -> [String] {
        let files = PosixFileSystem()
        do {
            guard try files.status(folder) != nil else { return [] }
            let names = try files.list(folder).filter {
                !$0.name.hasPrefix(".") && $0.kind != .directory
                    && ["yaml", "yml"].contains(fileExtension($0.name))
            }.map { PathCoding.bytes($0.name) }
            return names.sorted { $0.lexicographicallyPrecedes($1) }
                .map { "\(folder)/\(PathCoding.text($0))" }
        } catch { throw Self.missing(error, .badConfiguration) }
    }

    /// Reads them all.
    ///
    /// - Parameter missing: the kind of failure where there is no main file.
    public func read(missing: Failure.Kind = .badConfiguration) throws(Failure) -> [ConfigurationFile] {
        var files = [try Self.read(main, missing: missing)]
        for piece in try pieces() { files.append(try Self.read(piece, missing: .badConfiguration)) }
        return files
    }

    private static func read(_ path: String, missing: Failure.Kind) throws(Failure) -> ConfigurationFile {
        do {
            return ConfigurationFile(path: PathCoding.shown(path), bytes: try PosixFileSystem().read(path))
        } catch {
            throw Self.missing(error, error.errno == .noSuchFileOrDirectory ? missing : .badConfiguration)
        }
    }

    private static func missing(_ error: FileError, _ kind: Failure.Kind) -> Failure {
        Failure(
            kind, code: "config.missing", message: error.reason, file: error.path, hint: error.remedy)
    }
}

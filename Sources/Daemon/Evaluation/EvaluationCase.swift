import DurableFiles
import Failures
import Foundation
import JobFiles

/// One case of an evaluation: a folder with a spec and its picture, and perhaps the picture that the edit should give.
///
///     NAME/spec.yaml (or .yml, .json; or the only spec there)   NAME/target.png (optional)
public struct EvaluationCase: Sendable, Equatable {
    /// The folder's name.
    public let name: String
    /// The spec's path.
    public let spec: String
    /// The path of the wished result; nil where the folder has none.
    public let target: String?

    /// The cases of a folder, by name: its subfolders that hold a spec.
    ///
    /// - Throws: `file.…` when the folder cannot be read; `evaluate.no_cases` when it holds none.
    public static func all(in folder: String) throws(Failure) -> [EvaluationCase] {
        let files = PosixFileSystem()
        var cases: [EvaluationCase] = []
        do {
            for entry in try files.list(folder).sorted(by: { $0.name < $1.name })
            where entry.kind == .directory {
                let path = "\(folder)/\(entry.name)"
                let names = try files.list(path).filter { $0.kind == .file }.map(\.name).sorted()
                guard let spec = spec(among: names) else { continue }
                cases.append(
                    EvaluationCase(
                        name: entry.name, spec: "\(path)/\(spec)",
                        target: names.contains("target.png") ? "\(path)/target.png" : nil))
            }
        } catch { throw Failure(error, .missingInput) }
        guard !cases.isEmpty else {
            throw Failure(
                .missingInput, code: "evaluate.no_cases", message: "\(folder) holds no case", file: folder,
                hint: "Give a folder of folders, each with spec.yaml and its picture.")
        }
        return cases
    }

    /// `spec` with an extension of specs, or the only YAML file.
    private static func spec(among names: [String]) -> String? {
        let named = ["spec.yaml", "spec.yml", "spec.json"].first(where: names.contains)
        let others = names.filter { ["yaml", "yml"].contains(fileExtension($0)) }
        return named ?? (others.count == 1 ? others[0] : nil)
    }
}

import DurableFiles
import Failures
import Foundation

/// The pictures of a folder by their stems. It finds the picture of a spec that names none.
public struct PictureIndex: Sendable {
    /// Extensions of pictures.
    public static let extensions = ["png", "jpg", "jpeg", "jpe", "jfif"]

    private let names: Set<String>
    private var byStem: [String: [String]] = [:]
    private var byFoldedStem: [String: [String]] = [:]
    /// Pictures by what their names have in common with others that are easily taken for them.
    private var byLooks: [String: String] = [:]

    /// An index of the pictures' file names.
    public init(_ pictures: [String]) {
        names = Set(pictures)
        for name in pictures {
            byStem[stem(name), default: []].append(name)
            byFoldedStem[stem(name).lowercased(), default: []].append(name)
            byLooks[Self.looks(name)] = name
        }
    }

    /// The pictures that fit a spec's name: a.png for `a.png.yaml`; for `a.yaml` those with its stem, else those whose stem
    /// differs in capitals alone. Where several fit, the spec is ambiguous.
    public func candidates(for spec: String) -> [String] {
        let wanted = stem(spec)
        if names.contains(wanted) { return [wanted] }
        return byStem[wanted] ?? byFoldedStem[wanted.lowercased()] ?? []
    }

    /// A picture whose name differs from another name in Unicode composition or in capitals alone.
    public func lookalike(of name: String) -> String? {
        let found = byLooks[Self.looks(name)]
        return found == name ? nil : found
    }

    /// The same for a stem, with any of the pictures' extensions.
    public func lookalike(ofStem stem: String) -> String? {
        Self.extensions.lazy.compactMap { lookalike(of: "\(stem).\($0)") }.first
    }

    /// The name in lower case, with composed characters.
    private static func looks(_ name: String) -> String {
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return name.lowercased() }
        return PathCoding.shown(name).precomposedStringWithCanonicalMapping.lowercased()
    }
}

extension Failure {
    /// A spec whose name fits several pictures.
    public init(ambiguous spec: String, among pictures: [String]) {
        let shown = pictures.map { PathCoding.shown($0) }.sorted()
        self.init(
            .badSpec, code: "spec.ambiguous_image",
            message:
                "the spec's name fits \(shown.count) pictures: \(shown.prefix(8).joined(separator: ", "))\(shown.count > 8 ? ", …" : "")",
            file: PathCoding.shown(spec),
            hint: "Write `image: \(shown[0])` into the spec, or call it \(shown[0]).yaml.")
    }
}

import DurableFiles
import Failures

/// The pictures of a folder by their stems. It finds the picture of a spec that names none.
public struct PictureIndex: Sendable {
    /// Extensions of pictures.
    public static let extensions = ["png", "jpg", "jpeg", "jpe", "jfif"]

    private let names: Set<String>
    private var byStem: [String: [String]] = [:]
    private var byFoldedStem: [String: [String]] = [:]

    /// An index of the pictures' file names.
    public init(_ pictures: [String]) {
        names = Set(pictures)
        for name in pictures {
            byStem[stem(name), default: []].append(name)
            byFoldedStem[stem(name).lowercased(), default: []].append(name)
        }
    }

    /// The pictures that fit a spec's name: a.png for `a.png.yaml`; for `a.yaml` those with its stem, else those whose stem
    /// differs in capitals alone. Where several fit, the spec is ambiguous.
    public func candidates(for spec: String) -> [String] {
        let wanted = stem(spec)
        if names.contains(wanted) { return [wanted] }
        return byStem[wanted] ?? byFoldedStem[wanted.lowercased()] ?? []
    }
}

extension Failure {
    /// A spec whose name fits several pictures.
    public init(ambiguous spec: String, among pictures: [String]) {
        let shown = pictures.map { PathCoding.shown($0) }.sorted()
        self.init(
            .badSpec, code: "spec.ambiguous_image",
            message: "the spec's name fits \(shown.count) pictures: \(shown.joined(separator: ", "))",
            file: PathCoding.shown(spec),
            hint: "Write `image: \(shown[0])` into the spec, or call it \(shown[0]).yaml.")
    }
}

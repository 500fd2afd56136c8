import Failures
import Foundation

/// The keys of a config.json. Who reads a key gives the default of diffusers or transformers for its absence.
struct ConfigFile {
    let path: String
    private let object: [String: Any]

    init(path: String) throws(Failure) {
        self.path = path
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(
                .badModel, code: "model.missing", message: "\(path) is not there or cannot be read",
                hint:
                    "A model is a folder as diffusers publishes it: unet/, vae/, text_encoder/, tokenizer/, scheduler/."
            )
        }
        guard let object = PythonJSON.value(data) as? [String: Any] else {
            throw Failure(
                .badModel, code: "model.config", message: "\(path) is not a JSON object",
                hint: "Copy the model again.")
        }
        self.object = object
    }

    /// A configuration that does not come from a file.
    init(path: String, object: [String: Any]) {
        self.path = path
        self.object = object
    }

    /// The same configuration with other values for some keys. Its messages name another file.
    func overlaid(by values: [String: Any], path: String) -> ConfigFile {
        ConfigFile(path: path, object: object.merging(values) { $1 })
    }

    /// A nested object, empty when absent.
    func section(_ key: String) -> ConfigFile {
        ConfigFile(path: path, object: object[key] as? [String: Any] ?? [:])
    }

    /// The value of a key, or the default when it is absent or null.
    func value<T>(_ key: String, default standard: T) throws(Failure) -> T {
        guard let found = object[key], !(found is NSNull) else { return standard }
        if let value = found as? T { return value }
        if T.self == Float.self, let number = found as? NSNumber, let value = number.floatValue as? T {
            return value
        }
        throw unexpected(key, found)
    }

    private func unexpected(_ key: String, _ found: Any) -> Failure {
        Failure(
            .badModel, code: "model.config",
            message: "\(path): `\(key)` is \(found), which is not of the expected kind",
            hint: "The model is of a kind that is not supported, or its config.json is damaged.")
    }

    /// A string, or nil for anything else.
    func text(_ key: String) -> String? { object[key] as? String }

    private static let possibleCounts = 1...1 << 20

    /// A size or a number of parts, checked to be within reason.
    func count(_ key: String, default standard: Int) throws(Failure) -> Int {
        let count: Int = try value(key, default: standard)
        guard Self.possibleCounts.contains(count) else { throw unexpected(key, count) }
        return count
    }

    /// One size, or a list of equal ones.
    func oneCount(_ key: String, default standard: Int) throws(Failure) -> Int {
        guard let list = object[key] as? [Int] else { return try count(key, default: standard) }
        guard let first = list.first, list.allSatisfy({ $0 == first && Self.possibleCounts.contains($0) })
        else { throw unexpected(key, list) }
        return first
    }

    /// A list with a size for each level; the file may give one size for all.
    func counts(_ key: String, default standard: [Int]) throws(Failure) -> [Int] {
        let counts: [Int] =
            if let one = object[key] as? Int { [one] } else { try value(key, default: standard) }
        guard !counts.isEmpty, counts.allSatisfy(Self.possibleCounts.contains) else {
            throw unexpected(key, counts)
        }
        return counts
    }

    /// All keys, sorted.
    var keys: [String] { object.keys.sorted() }

    /// The value of a key without any check; nil where it is absent or null.
    func found(_ key: String) -> Any? {
        guard let value = object[key], !(value is NSNull) else { return nil }
        return value
    }

    /// Whether a key is present and null. For some keys that differs from absence.
    func isNull(_ key: String) -> Bool { object[key] is NSNull }

    /// Whether a key is present and neither null nor false.
    func isSet(_ key: String) -> Bool {
        guard let found = object[key], !(found is NSNull) else { return false }
        return (found as? Bool) != false
    }
}

extension Array where Element == Int {
    /// The value of a level, where a configuration may list fewer values than levels: the last one holds for the rest.
    subscript(level level: Int) -> Int { self[Swift.min(level, count - 1)] }
}

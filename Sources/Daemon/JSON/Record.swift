import Foundation

/// A type that is stored in a file or crosses a process boundary as one JSON object.
///
/// The object's first key is `schema`, the record's name and version. The type's own keys follow in the order of its encoding.
/// A nil becomes `null`, so that every record of a version has the same keys. An `OmittingKey` omits keys instead.
///
///     struct PaceRecord: Record {
///         static let schema = "clipdrag-pace/1"
///         var pass: Double
///     }
public protocol Record: Codable, Sendable {
    /// The record's name and version: `clipdrag-error/1`.
    static var schema: String { get }
}

/// A record could not be read.
public enum RecordError: Error, Equatable, Sendable {
    /// The bytes are no JSON object.
    case notJSON
    /// The object is another record, or one of another version; its `schema`, if it has one.
    case otherSchema(String?)
    /// A key of the record is missing or has a value of another type; the path of the key.
    case malformed(String)
}

extension Record {
    /// The record as a JSON object.
    public var json: JSONValue {
        let schema: [(key: String, value: JSONValue)] = [("schema", .string(Self.schema))]
        guard case .object(let fields) = JSONValue(encoding: self) else { return .object(schema) }
        return .object(schema + fields)
    }

    /// The record on one line, without its end.
    public var oneLine: String { json.line }

    /// The record's text on indented lines, for a file.
    public var bytes: [UInt8] { Array(json.lines.utf8) }

    /// Reads a record.
    ///
    /// - Throws: `RecordError`.
    public init(reading bytes: [UInt8]) throws(RecordError) {
        let decoder = JSONDecoder()
        let data = Data(bytes)
        let head: RecordHead
        do { head = try decoder.decode(RecordHead.self, from: data) } catch { throw .notJSON }
        guard head.schema == Self.schema else { throw .otherSchema(head.schema) }
        do { self = try decoder.decode(Self.self, from: data) } catch let error as DecodingError {
            throw .malformed(error.path)
        } catch { throw .malformed("") }
    }
}

private struct RecordHead: Decodable { let schema: String? }

extension DecodingError {
    /// The path of the key that does not fit, `files.0.size`.
    fileprivate var path: String {
        let (context, last): (Context, (any CodingKey)?) =
            switch self {
            case .keyNotFound(let key, let context): (context, key)
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context, nil)
            @unknown default: (Context(codingPath: [], debugDescription: ""), nil)
            }
        let keys = context.codingPath + (last.map { [$0] } ?? [])
        return keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}

import JSON
import Testing

@Suite struct RecordTests {
    private struct Picture: Record, Equatable {
        static let schema = "picture/2"
        struct Size: Codable, Equatable { var width, height: Int }
        enum Format: String, Codable { case png, jpeg }

        var name: String
        var size: Size
        var format: Format
        var quality: Int?
        var weights: [Double]
        var points: [[Double]]
        var copyOf: String?
        var digests: [String: String]

        enum CodingKeys: String, OmittingKey {
            case name, size, format, quality, weights, points
            case copyOf = "copy_of"
            case digests
            var isOmittedWhenNil: Bool { self == .copyOf }
        }
    }

    private let picture = Picture(
        name: "cat", size: .init(width: 3, height: 2), format: .jpeg, quality: nil, weights: [1, 0.25, .nan],
        points: [[1, 2]], copyOf: nil, digests: ["a": "b"])

    @Test func `keys keep the order of the type, nil is null, and a key can be left out`() {
        #expect(
            picture.json.line == """
                {"schema":"picture/2","name":"cat","size":{"width":3,"height":2},"format":"jpeg","quality":null,\
                "weights":[1,0.25,null],"points":[[1,2]],"digests":{"a":"b"}}
                """)
        var copy = picture
        copy.copyOf = "dog"
        #expect(copy.json["copy_of"] == .string("dog"))
    }

    @Test func `a record reads back as it was`() throws {
        var finite = picture
        finite.weights = [1, 0.25, 1e-7]
        #expect(try Picture(reading: finite.bytes) == finite)
    }

    @Test func `another record, another version and damage are different errors`() {
        func error(_ text: String) -> RecordError? {
            #expect(throws: RecordError.self) { try Picture(reading: Array(text.utf8)) }
        }
        #expect(error("{\"schema\":") == .notJSON)
        #expect(error("[]") == .notJSON)
        #expect(error("{}") == .otherSchema(nil))
        #expect(error("{\"schema\":\"picture/1\"}") == .otherSchema("picture/1"))
        #expect(error("{\"schema\":\"picture/2\"}") == .malformed("name"))
        #expect(
            error("{\"schema\":\"picture/2\",\"name\":\"a\",\"size\":{\"width\":1,\"height\":\"2\"}}")
                == .malformed("size.height"))
    }

    @Test func `a JSON value within a record keeps the order of its keys`() {
        struct Holder: Record {
            static let schema = "holder/1"
            var value: JSONValue
        }
        let holder = Holder(value: .object([("z", .integer(1)), ("a", .array([]))]))
        #expect(holder.json.line == "{\"schema\":\"holder/1\",\"value\":{\"z\":1,\"a\":[]}}")
    }
}

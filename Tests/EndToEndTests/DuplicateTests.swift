import Foundation
import JSON
import Testing

/// Which earlier job a pair duplicates.
@Suite struct DuplicateTests {
    @Test func `a job with another mask is no duplicate`() throws {
        let place = try Place()
        func run(mask: [UInt8]) throws -> String? {
            try place.drop(picture: "x.png")
            try place.drop(mask, as: Array("m.png".utf8))
            try place.drop(spec: "x.yaml", "prompt: x\nmask: m.png\n")
            #expect(try place.runOnce() == 0)
            let newest = try #require(
                place.names(place.outbox).max { $0.count < $1.count || $0.count == $1.count && $0 < $1 })
            return place.json("\(place.outbox)/\(newest)/trajectory.json")?["duplicate_of"]?.string
        }
        #expect(try run(mask: Place.picture) == "")
        let other = try Data(contentsOf: Program.root.appending(path: "examples/mushroom.png"))
        #expect(try run(mask: Array(other)) == "")
        #expect(try run(mask: Array(other)) == "x.2")
    }

    @Test
    func
        `a spec with the same meaning makes a duplicate; another edit prompt or preset does not`()
        throws
    {
        let place = try Place()
        func run(_ spec: String, as name: String) throws -> String? {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml", spec)
            #expect(try place.runOnce() == 0)
            return place.json("\(place.outbox)/\(name)/trajectory.json")?["duplicate_of"]?.string
        }
        let plain = "prompt: x\nsettings: {max_steps: 7, lambda: 0.5}\n"
        #expect(try run(plain, as: "a") == "")
        let same = """
            # the same, written differently
            priority: 3
            image: b.png
            settings:
              lambda: 5.0e-1
              max_steps: 7
            seed: 42
            prompt: {edit: "x"}
            """
        #expect(try run(same, as: "b") == "a")
        #expect(try run("seed: 43\n" + plain, as: "c") == "")
        #expect(try run("preset: quick\n" + plain, as: "d") == "")
        let configuration = try String(contentsOfFile: place.config, encoding: .utf8)
        try (configuration + "defaults: {preset: quick}\n").write(
            toFile: place.config, atomically: true, encoding: .utf8)
        #expect(try run(plain, as: "e") == "d")
    }
}

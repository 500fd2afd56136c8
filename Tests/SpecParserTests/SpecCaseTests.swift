import Failures
import Foundation
import Settings
import SpecParser
import Testing
import TestSupport
import YAMLDocuments

private let cases = Cases()

@Suite struct SpecCaseTests {
    @Test(arguments: cases.all("bad"))
    func `a bad spec gets its one message`(_ name: String) throws {
        let bytes = try cases.bytes("bad", name)
        let error = #expect(throws: Failure.self) { try parseSpec(bytes, file: name) }
        #expect((error?.description ?? "") + "\n" == (try cases.expected("bad", name)))
    }

    @Test func `there are enough bad cases, and good ones`() {
        #expect(cases.all("bad").count >= 80)
        #expect(cases.all("good").count >= 10)
    }

    @Test(arguments: cases.all("good"))
    func `a good spec is read, and reads the same once written out with its defaults`(_ name: String) throws {
        let spec = try parseSpec(try cases.bytes("good", name), file: name).spec
        let settings = spec.settings.map { (name: $0.name, value: $0.value) }
        let text = SpecWriting.effectiveYAML(
            spec, image: spec.image?.value ?? "x.png", sourcePrompt: spec.sourcePrompt ?? "a picture",
            preset: spec.preset ?? "recommended", method: spec.method ?? MethodRow.standard,
            settings: settings.isEmpty
                ? [("max_steps", .integer(3)), ("lora.steps", .integer(1))] : settings,
            output: spec.output.filled())
        let again = try parseSpec(Array(text.utf8), file: "again.yaml").spec
        #expect(
            again.drags.map { [$0.from.value, $0.to.value] }
                == spec.drags.map { [$0.from.value, $0.to.value] })
        #expect(again.drags.map(\.regions) == spec.drags.map(\.regions))
        #expect(again.mask.map(\.value) == spec.mask.map(\.value))
        #expect(again.editPrompt == spec.editPrompt)
        #expect(again.method == spec.method ?? MethodRow.standard)
        #expect((again.units, again.seed, again.priority) == (spec.units, spec.seed, spec.priority))
        if !settings.isEmpty { #expect(again.settings.map(\.value) == spec.settings.map(\.value)) }
        #expect(again.output.filled() == spec.output.filled())
    }

    @Test func `a drag of regions has their middles for its points`() throws {
        let drags = try parseSpec(try cases.bytes("good", "drag-regions.yaml"), file: "drag-regions.yaml")
            .spec.drags
        #expect(drags.map(\.from.value) == [.init(x: 20, y: 20), .init(x: 9, y: 60), .init(x: 50, y: 50)])
        #expect(drags.map(\.to.value) == [.init(x: 40, y: 24.5), .init(x: 14, y: 62.5), .init(x: 52, y: 60)])
        #expect(drags[0].regions?.from == .circle(x: 20, y: 20, radius: 8))
        #expect(drags.map { $0.regions == nil } == [false, false, true])
    }

    @Test func `the full spec has all its values`() throws {
        let spec = try parseSpec(try cases.bytes("good", "full.yaml"), file: "full.yaml").spec
        #expect(spec.image?.value == "cat.png")
        #expect(spec.sourcePrompt == "a photo of a cat")
        #expect(spec.editPrompt == "a photo of a \"smiling\" cat")
        #expect(spec.drags[0].to.value == EditSpec.Point(x: 240.5, y: 150))
        #expect(spec.mask.count == 3)
        #expect((spec.preset, spec.method, spec.seed, spec.priority) == ("paper", "clipdrag", 7, -3))
        let values = Dictionary(uniqueKeysWithValues: spec.settings.map { ($0.name, $0.value) })
        #expect(values["budget"] == .number(1200))
        #expect(values["r1"] == SettingValue.none)
        #expect(values["lora.rank"] == .integer(16))
        #expect(spec.output.extras == [.overlay, .animation, .comparison])
    }

    @Test func `a file of more than 1 MiB is refused at its beginning`() {
        let error = #expect(throws: Failure.self) {
            try parseSpec([UInt8](repeating: UInt8(ascii: "#"), count: (1 << 20) + 1), file: "big.yaml")
        }
        #expect(error?.code == "spec.too_large")
        #expect(error?.place?.line == 1 && error?.place?.column == 1)
    }

    @Test func `points and masks outside the picture are errors at their places`() throws {
        let text = "drags:\n  - {from: [10, 20], to: [128, 20]}\nmask: {rect: [200, 0, 5, 5]}\n"
        let parsed = try parseSpec(Array(text.utf8), file: "p.yaml")
        try parsed.validate(width: 300, height: 100)
        let point = #expect(throws: Failure.self) { try parsed.validate(width: 128, height: 128) }
        #expect(point?.code == "spec.point_outside")
        #expect(point?.place?.line == 2 && point?.place?.column == 26)
        let mask = #expect(throws: Failure.self) { try parsed.validate(width: 200, height: 100) }
        #expect(mask?.code == "spec.mask_outside")
        #expect(mask?.place?.line == 3)
    }

    @Test func `files outside the spec's folder, absolute or missing are refused, links followed`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(
            at: folder.appending(path: "in"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data().write(to: folder.appending(path: "secret.png"))
        try Data().write(to: folder.appending(path: "in/cat.png"))
        let inbox = folder.appending(path: "in").path(percentEncoded: false)
        try FileManager.default.createSymbolicLink(
            atPath: "\(inbox)/link.png", withDestinationPath: "../secret.png")
        try FileManager.default.createSymbolicLink(atPath: "\(inbox)/up", withDestinationPath: "..")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "in2"), withIntermediateDirectories: true)
        try Data().write(to: folder.appending(path: "in2/cat.png"))
        func code(_ name: String) throws -> String? {
            let parsed = try parseSpec(
                Array("image: \(name)\nmask: \(name)\nprompt: x\n".utf8), file: "s.yaml")
            #expect(parsed.spec.references.map(\.value) == [name, name])
            let codes = try parsed.spec.references.map { (reference) -> String? in
                do {
                    _ = try parsed.resolve(reference) { name in
                        guard let real = realpath(name.map { "\(inbox)/\($0)" } ?? inbox, nil) else {
                            return nil
                        }
                        defer { free(real) }
                        return String(cString: real)
                    }
                    return nil
                } catch let error as Failure { return error.code }
            }
            #expect(codes[0] == codes[1], "a mask is named under the same rule")
            return codes[0]
        }
        #expect(try code("cat.png") == nil)
        #expect(try code("../secret.png") == "spec.reference_outside")
        #expect(try code("link.png") == "spec.reference_outside")
        #expect(try code("up/secret.png") == "spec.reference_outside")
        #expect(try code("up/in/cat.png") == nil, "out and in again")
        #expect(try code("../in2/cat.png") == "spec.reference_outside", "a folder whose name begins alike")
        #expect(try code("/etc/passwd") == "spec.reference_absolute")
        #expect(try code("dog.png") == "spec.reference_missing")
    }

    @Test(arguments: [("none", true), ("Off", true), ("nones.png", false)])
    func `a word for no file is answered with the way to name none`(_ name: String, _ isWord: Bool) throws {
        let text = "image: cat.png\nprompt: a cat\nmask: \(name)\n"
        let parsed = try parseSpec(Array(text.utf8), file: "s.yaml")
        let mask = try #require(parsed.spec.references.last)
        let error = #expect(throws: Failure.self) { try parsed.resolve(mask) { $0 == nil ? "/in" : nil } }
        #expect(error?.code == "spec.reference_missing" && error?.place?.line == 3)
        #expect(error?.hint.contains("leave the key out") == isWord)
    }

    @Test func `a name with ./ before it is the file of that name`() throws {
        for (written, name) in [
            ("./cat.png", "cat.png"), ("././/cat.png", "cat.png"), ("./", "./"), ("..png", "..png"),
            ("../cat.png", "../cat.png"), (".cat.png", ".cat.png"), ("sub/./cat.png", "sub/./cat.png"),
        ] {
            let spec = try parseSpec(
                Array("image: \(written)\nmask: [\(written)]\nprompt: x\n".utf8), file: "s.yaml"
            ).spec
            #expect(spec.references.map(\.value) == [name, name])
        }
    }

    @Test func `--set takes any setting and says what is wrong with one`() throws {
        #expect(try parseSetting("lora.steps=0").value == .integer(0))
        #expect(try parseSetting("fusion=drag").value == .word("drag"))
        for (text, code) in [
            ("max_steps", "spec.set"), ("max_step=3", "spec.unknown_key"), ("max_steps=3.5", "spec.type"),
            ("reach=0", "spec.range"),
        ] {
            #expect(#expect(throws: Failure.self) { try parseSetting(text) }?.code == code)
        }
    }

    @Test func `mutated specs are read or refused, and nothing else happens`() throws {
        var state: UInt64 = 11
        func random(_ n: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % n
        }
        let seeds = try cases.all("good").map { try cases.bytes("good", $0) }
        var refused = 0
        for _ in 0..<3000 {
            var bytes = seeds[random(seeds.count)]
            for _ in 0...random(4) {
                let at = random(bytes.count)
                switch random(4) {
                case 0: bytes[at] = UInt8(random(256))
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: Array("[{:&*-\"'\n ".utf8)[random(10)...].prefix(1), at: at)
                default: bytes.removeSubrange(at...)
                }
                if bytes.isEmpty { bytes = [32] }
            }
            do { _ = try parseSpec(bytes, file: "m.yaml") } catch {
                refused += 1
                #expect(
                    error.place?.line ?? 0 >= 1 && error.place?.column ?? 0 >= 1 && !error.message.isEmpty
                        && !error.hint.isEmpty)
            }
        }
        #expect(refused > 500)
    }
}

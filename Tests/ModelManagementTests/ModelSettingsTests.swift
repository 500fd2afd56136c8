import Failures
import Foundation
import JobFiles
import ModelManagement
import Settings
import Testing
import TestSupport

@Suite struct ModelSettingsTests {
    private func failure(_ text: String) throws -> (Failure?, String) {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        try Data(text.utf8).write(to: folder.appending(path: "clipdrag.json"))
        return (#expect(throws: Failure.self) { try ModelSettings(folder: path) }, "\(path)/clipdrag.json")
    }

    @Test func `a bad value of any setting is an error that names file, key and what is allowed`() throws {
        for bad in BadSetting.all {
            guard let text = bad.text else { continue }
            let parts = bad.setting.name.split(separator: ".")
            let inner = "{\"\(parts[parts.count - 1])\": \(text)}"
            let settings = parts.count == 1 ? inner : "{\"\(parts[0])\": \(inner)}"
            let (failure, path) = try failure("{\"recommended\": \(settings)}")
            #expect(failure?.code == "model.config" && failure?.exit == .modelUnavailable, "\(bad)")
            #expect(failure?.place?.file == path && failure?.place?.line == 1, "\(bad)")
            #expect(failure?.message.contains("`\(bad.setting.name)`") == true, "\(bad)")
            switch (bad.problem, bad.setting.kind) {
            case (.range, .integer(let range)):
                #expect(failure?.hint == "Write a value from \(range.lowerBound) to \(range.upperBound).")
            case (.unknownWord, .word(let words)):
                #expect(words.allSatisfy { failure?.hint.contains($0) == true })
            default: #expect(failure?.hint.isEmpty == false, "\(bad)")
            }
        }
    }

    @Test func `the error of a misspelt setting suggests the intended one`() throws {
        for setting in Setting.all {
            let parts = setting.name.split(separator: ".")
            let inner = "{\"\(parts[parts.count - 1])x\": 1}"
            let settings = parts.count == 1 ? inner : "{\"\(parts[0])\": \(inner)}"
            let (failure, _) = try failure("{\"recommended\": \(settings)}")
            #expect(failure?.code == "model.config")
            #expect(
                failure?.message.contains("did you mean `\(parts[parts.count - 1])`?") == true,
                "\(setting.name)")
        }
    }

    @Test(arguments: ["", "[]", "recommended: {r1: 3}", "{\"recommended\": {\"r\": 1}}", "{\"vae\": null}"])
    func `a clipdrag.json with other content is refused`(_ text: String) throws {
        let (failure, path) = try failure(text)
        #expect(failure?.code == "model.config" && failure?.place?.file == path)
        #expect(failure?.exit == .modelUnavailable)
    }
}

import DragEditing
import Failures
import Foundation
import JSON
import Settings
import SpecParser
import YAMLDocuments

/// What the editor page needs to know of the program: settings, presets, words, and the starter model's tokens.
struct EditorTables {
    /// The checkout.
    let root: String

    /// The tables as the page's scripts read them.
    var json: JSONValue {
        get throws {
            .object([
                ("settings", .array(Setting.all.map(Self.row))),
                ("groups", .array(Setting.groups.map { Self.named($0.name, $0.text) })),
                ("presets", Self.words(Preset.allCases.map(\.rawValue))),
                ("defaults", try defaults),
                ("methods", .array(MethodRow.all.map(Self.method))),
                ("givens", Self.words(Self.givens)),
                ("stageSettings", Self.words(EditSettings.stageSettingNames.sorted())),
                ("units", Self.words(EditSpec.Units.allCases.map(\.rawValue))),
                ("formats", Self.words(OutputOptions.Format.allCases.map(\.rawValue))),
                ("qualities", Self.range(OutputOptions.qualities)),
                ("extras", Self.words(OutputOptions.Extra.allCases.map(\.rawValue))),
                ("metrics", Self.words(OutputOptions.MetricsLevel.allCases.map(\.rawValue))),
                ("dragsMax", .integer(64)),
                ("starter", try starter),
                ("tokens", try tokens),
                ("characterNames", Self.characterNames),
            ])
        }
    }

    private static func named(_ name: String, _ text: String) -> JSONValue {
        .object([("name", .string(name)), ("text", .string(text))])
    }

    /// A method, the settings that it reads, whether it uses a mask, how many steps it takes, and what it says of drags.
    private static func method(_ row: MethodRow) -> JSONValue {
        guard let method = DragMethods.named(row.name) else { return named(row.name, row.text) }
        let settings = EditSettings()
        let cell = GridCell(row: 0, column: 0)
        let far = GridCell(row: 0, column: Int(settings.reach) + 100)
        func notes(to target: GridCell) -> JSONValue {
            words(method.notes([HandlePoint(position: cell, start: cell, target: target)], settings))
        }
        var few = settings
        few.dragStepLimit = 7
        let cost = method.cost(settings)
        let steps = cost.isCuttable ? cost.steps : 0
        let isLimited = cost.isCuttable && method.cost(few).steps == 7 && steps == settings.dragStepLimit
        return .object([
            ("name", .string(row.name)), ("text", .string(row.text)),
            ("steps", isLimited ? .string("max_steps") : .integer(steps)),
            ("reads", words(method.settingNames.sorted())),
            ("usesMask", .bool(method.needs(settings).mask)),
            ("takesRegions", .bool(method.needs(settings).regions)),
            ("notesOfShortDrags", notes(to: cell)), ("notesOfDrags", notes(to: far)),
            ("refusals", refusals(of: method)),
        ])
    }

    /// What a spec may give a method: `regions` where all its drags have them.
    private static let givens = ["drags", "mask", "regions", "text", "autoMask"]

    /// What a method says against specs that give it too little: its answers to every combination of `givens`.
    private static func refusals(of method: any DragMethod) -> JSONValue {
        var refusals: [(failure: Failure, cases: [JSONValue])] = []
        for combination in 0..<(1 << givens.count) {
            let given = givens.enumerated().filter { combination >> $0.offset & 1 == 1 }.map(\.element)
            guard let failure = refusal(of: method, given: Set(given)) else { continue }
            if let known = refusals.firstIndex(where: { $0.failure == failure }) {
                refusals[known].cases.append(words(given))
            } else {
                refusals.append((failure, [words(given)]))
            }
        }
        return .array(
            refusals.map { failure, cases in
                .object([
                    ("code", .string(failure.code)), ("message", .string(failure.message)),
                    ("hint", .string(failure.hint)), ("given", .array(cases)),
                ])
            })
    }

    private static func refusal(of method: any DragMethod, given: Set<String>) -> Failure? {
        let pixel = EditMask(size: Size(height: 1, width: 1), values: [true])
        var drag = Drag(from: ImagePoint(x: 0, y: 0), to: ImagePoint(x: 9, y: 9))
        if given.contains("regions") { drag.regions = RegionPair(from: pixel, to: pixel) }
        var settings = EditSettings()
        settings.autoMask = given.contains("autoMask")
        let input = MethodInput(
            drags: given.contains("drags") ? [drag] : [], mask: given.contains("mask") ? pixel : nil,
            hasEditPrompt: given.contains("text"))
        do {
            try method.check(input, settings)
            return nil
        } catch { return error }
    }

    private static func words(_ words: [String]) -> JSONValue { .array(words.map { .string($0) }) }

    private static func range(_ range: ClosedRange<Int>) -> JSONValue {
        .array([.integer(range.lowerBound), .integer(range.upperBound)])
    }

    private static func row(_ setting: Setting) -> JSONValue {
        var fields: [(key: String, value: JSONValue)] = [("name", .string(setting.name))]
        switch setting.kind {
        case .integer(let bounds): fields += [("kind", .string("integer")), ("range", range(bounds))]
        case .number(let bounds):
            fields += [
                ("kind", .string("number")),
                ("range", .array([.number(bounds.lowerBound), .number(bounds.upperBound)])),
            ]
        case .word(let list): fields += [("kind", .string("word")), ("words", words(list))]
        case .flag: fields.append(("kind", .string("flag")))
        case .duration: fields.append(("kind", .string("duration")))
        }
        return .object(
            fields + [
                ("isOptional", .bool(setting.isOptional)),
                ("default", .string(SettingsDocument.shown(setting.defaultValue))),
                ("text", .string(setting.text)),
            ])
    }

    /// What every preset and method set otherwise than the table: without a model's own values, and with the starter model's.
    private var defaults: JSONValue {
        get throws {
            let own = try starterValues
            return .object(
                try Preset.allCases.map { preset in
                    let methods = try MethodRow.all.map { row in
                        let values = JSONValue.object([
                            ("standard", try Self.values(of: preset, row, model: [])),
                            ("starter", try Self.values(of: preset, row, model: own)),
                        ])
                        return (key: row.name, value: values)
                    }
                    return (preset.rawValue, .object(methods))
                })
        }
    }

    private static func values(
        of preset: Preset, _ method: MethodRow, model: [(name: String, value: SettingValue)]
    ) throws -> JSONValue {
        let standard = EditSettings()
        var settings = try preset.settings(of: method, model: model)
        settings = DragMethods.named(method.name)?.adjusted(settings) ?? settings
        let changed = Setting.all.filter { $0.value(in: settings) != $0.value(in: standard) }
        return .object(
            changed.map { ($0.name, .string(SettingsDocument.shown($0.value(in: settings)))) })
    }

    /// The starter model's own values of `recommended`.
    private var starterValues: [(name: String, value: SettingValue)] {
        get throws {
            struct Own: Decodable { let recommended: [String: SettingValue] }
            let file = URL(filePath: "\(root)/Models/starter/clipdrag.json")
            let values = try JSONDecoder().decode(Own.self, from: Data(contentsOf: file)).recommended
            return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// The words that the starter model was trained on: the section `[words]` of its vocabulary.
    private var trainedWords: String {
        get throws {
            let text = try String(
                contentsOfFile: "\(root)/Models/starter/vocabulary.txt", encoding: .utf8)
            let lines = text.split(whereSeparator: \.isNewline).drop { $0 != "[words]" }.dropFirst()
            return lines.prefix { !$0.hasPrefix("[") }.filter { !$0.hasPrefix("#") }.joined(separator: " ")
        }
    }

    /// The longer side of the starter model's pictures.
    private var starter: JSONValue {
        get throws {
            guard let native = try model("vae/config.json")["sample_size"] else {
                throw MissingPart(description: "the starter model's pictures have no size")
            }
            return .object([("native", native), ("words", .string(try trainedWords))])
        }
    }

    /// CLIP's merges as the starter model has them, and how many tokens it reads.
    private var tokens: JSONValue {
        get throws {
            let merges = try String(
                contentsOfFile: "\(root)/Models/starter/tokenizer/merges.txt", encoding: .utf8
            ).split(separator: "\n").dropFirst().joined(separator: "\n")
            let length = try model("tokenizer/tokenizer_config.json")["model_max_length"]
            return .object([("length", length ?? .integer(77)), ("merges", .string(merges))])
        }
    }

    private func model(_ file: String) throws -> JSONValue {
        let path = "\(root)/Models/starter/\(file)"
        guard let value = JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path)))) else {
            throw MissingPart(description: "\(path) is no JSON")
        }
        return value
    }

    /// Names of the characters that a message may name: browsers do not know them.
    private static var characterNames: JSONValue {
        let found = (UInt32(0x7f)...0xffff).compactMap { Unicode.Scalar($0) }.filter(isNamed)
        let controls: [Unicode.Scalar] = ["\t", "\u{b}", "\u{c}", "\u{1b}"]
        return .object(
            (controls + found).compactMap { character in
                OddCharacter.unicodeName(character).map { (String(character.value), .string($0)) }
            })
    }

    private static func isNamed(_ character: Unicode.Scalar) -> Bool {
        if character.value < 0x250 || (0x370..<0x530).contains(character.value) { return true }
        if (0x2000..<0x2070).contains(character.value) || (0xff01...0xff5e).contains(character.value) {
            return true
        }
        switch character.properties.generalCategory {
        case .spaceSeparator, .dashPunctuation, .initialPunctuation, .finalPunctuation, .format: return true
        default: return [0x2212, 0x301d, 0x301e, 0x2022].contains(character.value)
        }
    }
}

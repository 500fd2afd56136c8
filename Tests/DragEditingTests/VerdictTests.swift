import Diffusion
import Foundation
import Settings
import TensorCore
import TestSupport
import Testing
import Verdicts

@testable import DragEditing

/// The verdict on pictures whose right answer is known (docs/verdict.md). Thresholds were tuned on one half.
@Suite(.serialized) struct VerdictTests {
    private let model: DiffusionModel
    private let others: [String]

    init() throws {
        let folder = "\(Fixtures.folder)/../../Models/starter"
        model = try DiffusionModel(folder: folder)
        let phrases = try String(contentsOfFile: "\(folder)/vocabulary.txt", encoding: .utf8)
            .split(whereSeparator: \.isNewline).map(String.init).filter { !$0.hasPrefix("#") }
        others = (0..<30).map { phrases[$0 * phrases.count / 30] }
    }

    /// The verdict that an edit with this result gets.
    private func verdict(_ picture: ConstructedPicture) -> Verdict {
        let size = Size(height: picture.source.shape[1], width: picture.source.shape[2])
        let grid = FeatureGrid(working: size, image: size)
        let result = EditResult(
            image: picture.result, decoded: picture.result,
            reconstruction: picture.reconstruction ?? picture.source,
            unstretched: picture.result, working: picture.source,
            record: EditRecord(grid: grid, handles: picture.drags.map { HandlePoint($0, on: grid) }),
            mask: picture.mask, fineTuningLosses: [], lora: nil, unet: model.unet,
            text: model.textStates(picture.prompt), timestep: 0, latentSize: size, maskVanished: false,
            seconds: [:], restored: [])
        return Judge(model, result, drags: picture.drags).verdict(
            seed: 42, wish: picture.wish, own: picture.prompt, others: others)
    }

    /// Right answers, and how many were asked.
    private struct Tally {
        var (right, asked) = (0, 0)
        var wrong: [String] = []

        mutating func add<Answer>(_ answer: Answer?, _ expected: Set<Answer>?, _ about: String) {
            guard let expected else { return }
            asked += 1
            if let answer, expected.contains(answer) {
                right += 1
            } else {
                wrong.append("\(about): \(answer.map { "\($0)" } ?? "nil")")
            }
        }
    }

    private func check(_ pictures: [ConstructedPicture], least: Double = 0.95) {
        var halves = [true: Tally(), false: Tally()]
        for picture in pictures {
            let verdict = verdict(picture)
            let about = "\(picture.kind) \(picture.name)"
            if ProcessInfo.processInfo.environment["CLIPDRAGD_SHOW_VERDICTS"] != nil {
                print(about, verdict.answers.words, verdict.movements, verdict.text as Any, verdict.damage)
            }
            halves[picture.isForTuning]?.add(verdict.answers.drag, picture.drag, about)
            halves[picture.isForTuning]?.add(verdict.answers.text, picture.text, about)
            halves[picture.isForTuning]?.add(verdict.answers.damage, picture.damage, about)
        }
        for (isForTuning, tally) in halves {
            print("\(isForTuning ? "tuning" : "test") half: \(tally.right) of \(tally.asked) right")
            #expect(
                Double(tally.right) >= least * Double(tally.asked),
                "\(isForTuning ? "tuning" : "test") half: \(tally.wrong)")
        }
    }

    @Test func `movement and damage are judged right on warps, copies and damaged pictures`() throws {
        let pictures = try ConstructedPictures.moved()
        #expect(pictures.count >= 100)
        check(pictures)
    }

    @Test func `a pasted wish is visible; no wish and a score that was driven up are not`() throws {
        let pictures = try ConstructedPictures.wished(model)
        #expect(pictures.count >= 40)
        check(pictures)
    }

    /// What the starter's CLIP can tell: six of the faces are held out of its training, and it takes a slight smile for a slight
    /// frown.
    @Test func `a nuance is visible in most of the faces that have it, and in hardly another`() throws {
        let pictures = try ConstructedPictures.nuances(model)
        let shown = Set(
            pictures.indices.filter { verdict(pictures[$0]).answers.text == .visible })
        let targets = Set(pictures.indices.filter { pictures[$0].text == [.visible] })
        let (found, mistaken) = (shown.intersection(targets), shown.subtracting(targets))
        print("nuances: \(found.count) of \(targets.count) targets, \(mistaken.count) others")
        #expect(pictures.count == 128 && targets.count == 16)
        #expect(found.count >= 10)
        #expect(20 * mistaken.count <= 112, "\(mistaken.map { "\(pictures[$0].kind) \(pictures[$0].name)" })")
    }

    @Test func `a nuance asks for a source near the text, first place, and a clear turn in most views`() {
        func answer(
            contrast: Verdict.Contrast?, rankSource: Int = 3, rankResult: Int = 1, isClear: Bool = true
        ) -> EditVerdict.TextAnswer {
            Verdict.Text(
                scoreSource: 0.5, scoreReconstruction: 0.5, scoreResult: 0.5, standingSource: 2,
                standingReconstruction: 2, standingResult: 2, leadSource: -0.1, leadResult: 0.1,
                contrast: contrast, viewsRisen: 1, rankSource: rankSource, rankResult: rankResult, texts: 32
            ).answer(isChanged: true, isClearlyChanged: isClear)
        }
        func contrast(_ source: Double, _ reconstruction: Double, _ result: Double, views: Double = 0.75)
            -> Verdict.Contrast
        {
            Verdict.Contrast(
                source: source, reconstruction: reconstruction, result: result, viewsRisen: views)
        }
        #expect(answer(contrast: contrast(-0.1, -0.1, 0.02)) == .visible)
        #expect(answer(contrast: contrast(-0.1, -0.05, 0.02)) == .unclear)
        #expect(answer(contrast: contrast(-0.3, -0.3, -0.01)) == .unclear)
        #expect(answer(contrast: contrast(-0.1, -0.1, 0.02, views: 0.7)) == .unclear)
        #expect(answer(contrast: contrast(-0.1, -0.1, 0.02), rankSource: 4) == .unclear)
        #expect(answer(contrast: contrast(-0.1, -0.1, 0.02), rankResult: 2) == .unclear)
        #expect(answer(contrast: contrast(-0.1, -0.1, 0.02), isClear: false) == .unclear)
        #expect(answer(contrast: nil) == .unclear)
    }

    @Test func `nine of ten answers are the eye's on forty pictures of edits`() throws {
        let pictures = try ConstructedPictures.lookedAt()
        #expect(pictures.count == 40)
        check(pictures, least: 0.9)
    }

    @Test func `what is not asked is not answered`() throws {
        let source = try ConstructedPictures.picture("examples/images/fox.png")
        let plain = ConstructedPicture(
            kind: "copy", name: "fox", isForTuning: true, source: source, result: source)
        let verdict = verdict(plain)
        #expect(verdict.answers == EditVerdict(drag: nil, text: nil, damage: .none))
        #expect(verdict.movements.isEmpty && verdict.text == nil)
    }
}

import Diffusion
import DurableFiles
import Failures
import Foundation
import Imaging
import ModelManagement
import ServiceConfiguration
import TensorCore
import Testing

@testable import EditJobs

/// Captions by CLIP on the starter model.
@Suite struct CaptionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let starter = root.appending(path: "Models/starter").path(percentEncoded: false)
    private let model: DiffusionModel

    init() throws { model = try ModelStore.load(Self.starter) }

    private static func picture(_ path: String) throws -> Tensor {
        let bytes = try Data(contentsOf: root.appending(path: path))
        let image = try Image(decoding: Array(bytes))
        return Tensor([1, image.height, image.width, 3], image.normalised)
    }

    private func ranking(_ vocabulary: Vocabulary, cache: JobCache? = nil) throws -> PhraseRanking {
        let guide = try #require(model.guide)
        return PhraseRanking(guide, vocabulary, TextEmbeddings(model, guide, cache))
    }

    /// scripts/make_caption_pictures.py draws the forty names by chance.
    @Test func `of forty pictures with known names the first answer is right in 24, and one of five in 34`()
        throws
    {
        let names = try JSONDecoder().decode(
            [String].self,
            from: Data(contentsOf: Self.root.appending(path: "Tests/Fixtures/captions/names.json")))
        #expect(names.count == 40)
        let vocabulary = try #require(try Vocabulary(configured: nil, model: Self.starter))
        let ranking = try ranking(vocabulary)
        let places = try names.enumerated().map { index, name in
            let number = index < 9 ? "0\(index + 1)" : "\(index + 1)"
            let answers = ranking.ranking(try Self.picture("Tests/Fixtures/captions/\(number).png"))
            return answers.firstIndex(of: name) ?? .max
        }
        let (first, five) = (places.count { $0 == 0 }, places.count { $0 < 5 })
        print("captions: \(first) of 40 first, \(five) of 40 among five")
        #expect(first >= 24)
        #expect(five >= 34)
    }

    @Test func `an attribute joins a thing where it wins clearly, and nowhere else`() throws {
        let vocabulary = try Vocabulary(
            "[things]\nfish\npenguin\n[attributes]\ntropical\nred\nbrown\n", file: "v.txt")
        let ranking = try ranking(vocabulary)
        #expect(
            ranking.caption(of: try Self.picture("examples/images/tropical-fish.png")) == "tropical fish")
        #expect(ranking.caption(of: try Self.picture("examples/penguin.png")) == "penguin")
    }

    @Test func `a vocabulary has templates, things, scenes and attributes`() throws {
        let vocabulary = try Vocabulary(
            "# comment\n[templates]\na photo of a {}\na {}\nthe {}\n[things]\n  owl \n[scenes]\nbeach\n[attributes]\nred\n",
            file: "v.txt")
        #expect(
            vocabulary.things == ["owl"] && vocabulary.scenes == ["beach"] && vocabulary.attributes == ["red"]
        )
        #expect(vocabulary.texts(of: "owl") == ["a photo of an owl", "an owl", "the owl"])
        #expect(vocabulary.texts(of: "beach") == ["a photo of a beach", "a beach", "the beach"])
        #expect(try Vocabulary("cat\ndog\n", file: "v.txt").texts(of: "cat") == ["cat"])
        for bad in ["[templates]\nphoto\n[things]\ncat\n", "[nouns]\ncat\n", "# nothing\n"] {
            let failure = #expect(throws: Failure.self) { try Vocabulary(bad, file: "v.txt") }
            #expect(failure?.code == "config.vocabulary")
        }
    }

    @Test func `the installed vocabulary has 1,500 phrases, each once`() throws {
        let path = Self.root.appending(path: "Models/vocabulary.txt").path(percentEncoded: false)
        let vocabulary = try #require(try Vocabulary(configured: path, model: ""))
        let phrases = vocabulary.things + vocabulary.scenes
        #expect(
            phrases.count >= 1500 && vocabulary.attributes.count >= 100 && vocabulary.templates.count >= 3)
        #expect(Set(phrases).count == phrases.count)
        #expect(Set(vocabulary.attributes).count == vocabulary.attributes.count)
    }

    @Test func `a model without a list of its own uses the installed one, and the starter keeps its own`()
        throws
    {
        let imported = try #require(try Vocabulary(configured: nil, model: "/nowhere/models/sd15"))
        #expect(imported.scenes.contains("living room") && imported.things.contains("teapot"))
        let own = try #require(try Vocabulary(configured: nil, model: Self.starter))
        #expect(own.things.contains("zipper-mouth face") && own.scenes.isEmpty)
    }

    @Test func `embeddings of a vocabulary come from the cache the second time`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "caption-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let cache = JobCache(ContentCache(folder: folder.path(percentEncoded: false), limit: 1 << 30))
        let vocabulary = try Vocabulary("[templates]\na {}\n[things]\ncat\nowl\n", file: "v.txt")
        let guide = try #require(model.guide)
        let embeddings = TextEmbeddings(model, guide, cache)
        let first = embeddings.table(of: vocabulary.things, vocabulary)
        func entries() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
                .filter { !$0.hasSuffix(".used") }.sorted()
        }
        let kept = try entries()
        #expect(kept.count == 2)  // the model's identity and the table
        #expect(embeddings.table(of: vocabulary.things, vocabulary).values == first.values)
        #expect(try entries() == kept)
        _ = embeddings.table(of: ["cat"], vocabulary)
        #expect(try entries().count == 3)
    }

    @Test func `texts that go through CLIP together have the embeddings that they have alone`() throws {
        let guide = try #require(model.guide)
        let texts = ["cat", "a cat with tears of joy on a light blue background", "owl", "dog", "red apple"]
        let together = guide.embeddings(of: texts)
        for (row, text) in texts.enumerated() {
            let alone = guide.embedding(of: text).values
            let width = alone.count
            for c in 0..<width { #expect(abs(together.values[row * width + c] - alone[c]) < 1e-5) }
        }
    }

    @Test func `CLIP also sees what differs from a plain ground, or the middle of a photograph`() throws {
        func picture(_ height: Int, _ width: Int, _ value: (Int, Int) -> Float) -> Tensor {
            Tensor([1, height, width, 3]) { out in
                for i in 0..<height * width {
                    for c in 0..<3 { out[3 * i + c] = value(i / width, i % width) }
                }
            }
        }
        let small = picture(40, 60) { (10..<20).contains($0) && (30..<50).contains($1) ? 0.2 : 1 }
        let views = CaptionViews.of(small)
        #expect(views.map(\.shape) == [[1, 40, 60, 3], [1, 22, 22, 3]])
        #expect(views[1].values[3 * (11 * 22 + 11)] == 0.2)
        let photograph = picture(30, 50) { Float(($0 * 7 + $1 * 13) % 10) / 10 }
        #expect(CaptionViews.of(photograph).map(\.shape) == [[1, 30, 50, 3], [1, 30, 30, 3]])
        #expect(CaptionViews.of(picture(8, 8) { _, _ in 1 }).count == 1)
    }

    @Test func `programs with a network run until one answers, and none after CLIP`() throws {
        var captions = Configuration.Captions()
        let say = ["/bin/echo", "a cat"]
        captions.captioners = [
            .command(["/bin/false"], hasNetwork: true), .command(say), .command(say, hasNetwork: true), .clip,
            .command(say, hasNetwork: true),
        ]
        let early = EarlyCaptions(captions, image: "x.png")
        #expect(early.answers.keys.sorted() == [0, 2])
        #expect(early.answers[0]?.failure != nil && early.answers[2]?.text == "a cat")
        captions.captioners = [.template, .command(say, hasNetwork: true)]
        #expect(EarlyCaptions(captions, image: "x.png").answers.isEmpty)
    }
}

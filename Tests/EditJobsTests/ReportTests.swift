import DragEditing
import Foundation
import Imaging
import JSON
import Settings
import Testing

@testable import EditJobs

/// What a report shows of an edit, and that it stays small.
@Suite struct ReportTests {
    /// A record of `count` iterations of `drags` drags.
    private func trajectory(
        iterations count: Int, drags: Int, _ change: (inout EditSettings) -> Void = { _ in }
    )
        throws -> Trajectory
    {
        var settings = EditSettings()
        change(&settings)
        let path = (0..<count).map { ",[\(Double($0) / 7),\(Double($0) / 3)]" }.joined()
        let handle =
            "{\"from\":[1.04,2],\"to\":[300.06,4],\"final\":[2,3],\"distance\":1.75,\"stretched\":[5,6],\"verdict\":\"partly\",\"part\":0.5,\"mismatch\":0.1,"
            + "\"similarity_before\":0.25,\"similarity_after\":0.5,\"similarity_possible\":0.75,\"path\":[[1.04,2],[5,6]\(path)]}"
        let handles = Array(repeating: handle, count: drags).joined(separator: ",")
        let distances = Array(repeating: "1.2345678", count: drags).joined(separator: ",")
        let points = Array(repeating: "[1.2,3.4]", count: drags).joined(separator: ",")
        let iterations = (0..<count).map { k in
            "{\"k\":\(k),\"clip_loss\":null,\"motion_loss\":\(0.123456789 * Double(k)),\"distances\":[\(distances)],"
                + "\"handles\":[\(points)],\"seconds\":0.5}"
        }.joined(separator: ",")
        let text = """
            {"schema":"\(Trajectory.schema)","job":{"id":"i","name":"cat </script>","attempt":1,"host":"h","version":"0.1.0",\
            "started":"2026-01-01T00:00:00.000Z","finished":"2026-01-01T00:00:01.500Z",\
            "seconds":{"drag":1.25,"total":1.5},"restored":["fine-tune"],"peak_memory":1000000000},\
            "model":{"name":"starter","precision":"f32","sha256":"aa"},\
            "image":{"width":512,"height":512,"working_width":64,"working_height":64,"sha256":"bb"},\
            "prompt":{"source":"a","edit":"b","source_origin":"spec"},"preset":"recommended","method":"clipdrag","seed":42,\
            "settings":\(JSONValue(encoding: RecordedSettings(settings)).line),"outcome":"max_steps","verdict":{"drag":"partly","text":null,"damage":"slight"},"summary":"partly",\
            "evidence":{"text":null,"damage":{"changed":0.1,"lost":0.1,"new":0.1,"colour":0,"sharpness":1,"outside":0}},"stretch":{"seconds":0.5},\
            "steps":\(count),"handles":[\(handles)],"iterations":[\(iterations)],\
            "change":{"inside":0.5,"outside":0,"noise":0.25},\
            "metrics":{"clip_score_source":0.25,"clip_score_reconstruction":0.25,"clip_score_result":0.5,"mean_distance":null},\
            "fine_tuning_losses":[0.5,0.25],"notes":["n"],"files":{"result":"result.png","spec":"spec.yaml"},\
            "sha256":{"result.png":"cc"},"forecast":{"seconds":{"drag":2,"total":2.5},"memory":2000000000}}
            """
        return try Trajectory(reading: Array(text.utf8))
    }

    private func noise(_ side: Int, seed: UInt64) -> Image {
        var state = seed
        let samples = (0..<side * side * 3).map { _ -> UInt16 in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return UInt16(state >> 56)
        }
        return Image(width: side, height: side, samples: samples)
    }

    private func report(
        _ trajectory: Trajectory, recommended: [(name: String, value: SettingValue)]? = nil, side: Int = 64
    ) throws -> Report {
        try Report(
            trajectory, spec: "image: a\n", source: noise(side, seed: 1), edited: noise(side, seed: 2),
            mask: EditMask(
                size: Size(height: side, width: side), values: (0..<side * side).map { $0 % 3 == 0 }),
            recommended: recommended, digests: [("result.png", "cc")])
    }

    @Test func `two pictures of noise, 64 drags and 2,000 steps stay below 1.5 MB`() throws {
        let html = try report(trajectory(iterations: 2000, drags: 64), side: 512).html
        #expect(html.utf8.count < 1_500_000, "\(html.utf8.count) bytes")
        #expect(!html.contains("cat </script>") && html.contains("cat \\u003c/script>"))
    }

    @Test func `curves and paths are thinned together, to the first and the last step`() throws {
        let record = try report(trajectory(iterations: 1000, drags: 2)).record
        #expect(record.steps.count == 400 && record.steps.first == 0 && record.steps.last == 999)
        #expect(record.stepCount == 1000)
        #expect(record.drags.map(\.path.count) == [400, 400])
        #expect(record.drags[0].lead.map(\.x) == [5], "where the stretch put it")
        #expect(
            record.series.map(\.title) == ["Distance left", "Motion loss"],
            "a number that was never computed has no curve")
        #expect(record.series[1].values.last == 123.3)
        #expect(record.drags[0].to.x == 300.1)
        #expect(try report(trajectory(iterations: 3, drags: 1)).record.steps == [0, 1, 2])
        #expect(try report(trajectory(iterations: 0, drags: 0)).record.series.isEmpty)
    }

    @Test func `settings that differ from the preset are named with their origin`() throws {
        let trajectory = try trajectory(iterations: 1, drags: 1) {
            $0.warp = 0.42
            $0.dragStepLimit = 7
        }
        let known = try report(trajectory, recommended: [("warp", .number(0.42))]).record.settings
        #expect(known.map(\.name) == ["max_steps", "warp"])
        #expect(known.map(\.origin) == ["the job", "the model"])
        #expect(known.map(\.value) == ["7", "0.42"] && known.map(\.preset) == ["160", "0"])
        #expect(try report(trajectory).record.settings.map(\.origin) == ["model or job", "model or job"])
    }

    @Test func `times stand beside the forecast, and a stage from the cache is named`() throws {
        let record = try report(trajectory(iterations: 1, drags: 1)).record
        #expect(
            record.stages == [
                .init(title: "Fine-tuning", seconds: 0, forecast: nil, note: "from the cache"),
                .init(title: "Drag", seconds: 1.25, forecast: 2, note: nil),
            ])
        #expect(
            record.totals == [["In all", "1.5 s", "at most 2.5 s"], ["Peak memory", "1000 MB", "2000 MB"]])
    }

    @Test func `only the first drag says what its numbers mean, and the ninth is counted alone`() throws {
        let parts = try report(trajectory(iterations: 1, drags: 10)).record.parts
        let drags = parts.filter { $0.title.hasPrefix("Drag ") }
        #expect(drags.count == 8)
        #expect(drags[0].numbers.allSatisfy { !$0.meaning.isEmpty })
        #expect(drags[1].numbers.allSatisfy { $0.meaning.isEmpty })
        #expect(parts[8].title == "Drags 9 to 10" && parts[8].words == "0 of 2 moved")
    }

    @Test func `a large picture is shown as a reduced copy, and the page says so`() throws {
        let pictures = try ReportPictures(source: nil, edited: noise(1500, seed: 3), mask: nil)
        #expect(pictures.before == nil && pictures.shown == "The page shows reduced copies.")
        #expect(pictures.after.utf8.count < 540_000)
        let plain = Image(width: 40, height: 40, samples: [UInt16](repeating: 7, count: 4800))
        #expect(try ReportPictures(source: plain, edited: plain, mask: nil).shown == "")
    }
}

@Suite struct ShownVerdictTests {
    @Test(arguments: [
        ("{\"drag\":\"moved\",\"text\":null,\"damage\":\"none\"}", "good", "moved"),
        (
            "{\"drag\":\"moved\",\"text\":\"visible\",\"damage\":\"severe\"}", "bad",
            "moved, text visible, damaged"
        ),
        (
            "{\"drag\":\"moved\",\"text\":\"none\",\"damage\":\"slight\"}", "middling",
            "moved, text not shown, slightly damaged"
        ),
        ("{\"drag\":null,\"text\":\"unclear\",\"damage\":\"none\"}", "middling", "text unclear"),
        ("{\"drag\":\"unchanged\",\"text\":null,\"damage\":\"none\"}", "bad", "unchanged"),
    ])
    func `a verdict is one colour and a few words`(_ json: String, _ answer: String, _ words: String) {
        let record = JSONValue(parsing: Array("{\"verdict\":\(json)}".utf8)) ?? .null
        let shown = ShownVerdict(of: record)
        #expect(shown?.answer == answer && shown?.words == words)
    }

    @Test func `a record of another version has no verdict to show`() {
        #expect(ShownVerdict(of: .object([("verdict", .string("moved"))])) == nil)
    }
}

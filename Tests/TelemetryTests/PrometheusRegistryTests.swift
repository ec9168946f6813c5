import Metrics
import Testing

@testable import Telemetry

@Suite struct PrometheusRegistryTests {
    let registry = PrometheusRegistry()

    @Test func everyMetricOfTheProductRendersWithHelpAndType() {
        for name in MetricName.all.values {
            switch name.kind {
            case .counter: name.counter(in: registry).increment()
            case .gauge: name.gauge(in: registry).set(1)
            case .histogram: name.timer(in: registry).recordNanoseconds(1)
            }
        }
        let text = registry.render()
        for name in MetricName.all.values {
            #expect(text.contains("# HELP \(name.text) \(name.help)\n# TYPE \(name.text) \(name.kind.rawValue)\n"))
        }
    }

    @Test func sameNameAndLabelsAreOneSeriesInAnyOrderOfLabels() {
        Counter(label: "hits", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment(by: 2)
        Counter(label: "hits_total", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment(by: 3)
        #expect(registry.render().contains("hits_total{a=\"1\",b=\"2\"} 5\n"))
    }

    @Test func labelValuesAreEscapedAndNamesSanitised() {
        Counter(label: "odd name-é", dimensions: [("a.b", "x\"y\\z\nw")], factory: registry).increment()
        #expect(registry.render().contains("odd_name___total{a_b=\"x\\\"y\\\\z\\nw\"} 1\n"))
    }

    @Test func timerIsAHistogramInSecondsWithCumulativeBuckets() {
        let timer = MetricName.redisOperationDuration.timer("reserve", in: registry)
        for milliseconds in [1, 4, 30, 20_000] { timer.recordNanoseconds(Int64(milliseconds) * 1_000_000) }
        let text = registry.render()
        let name = "redis_operation_duration_seconds"
        #expect(text.contains("\(name)_bucket{operation=\"reserve\",le=\"0.001\"} 1\n"))
        #expect(text.contains("\(name)_bucket{operation=\"reserve\",le=\"0.005\"} 2\n"))
        #expect(text.contains("\(name)_bucket{operation=\"reserve\",le=\"0.05\"} 3\n"))
        #expect(text.contains("\(name)_bucket{operation=\"reserve\",le=\"10\"} 3\n"))
        #expect(text.contains("\(name)_bucket{operation=\"reserve\",le=\"+Inf\"} 4\n"))
        #expect(text.contains("\(name)_sum{operation=\"reserve\"} 20.035\n"))
        #expect(text.contains("\(name)_count{operation=\"reserve\"} 4\n"))
    }

    @Test func nameTakenByAnotherTypeNeverStopsTheCaller() {
        MetricName.activeReservations.gauge(in: registry).set(7)
        Timer(label: "active_reservations", factory: registry).recordNanoseconds(5)
        let text = registry.render()
        #expect(text.contains("active_reservations 7\n"))
        #expect(text.contains("telemetry_rejected_series_total 1\n"))
    }

    @Test func tooManySeriesAreRefusedNotKept() {
        for index in 0..<(PrometheusRegistry.maxSeriesPerMetric + 5) {
            MetricName.zoneAvailable.gauge("z\(index)", in: registry).set(1)
        }
        #expect(registry.render().contains("telemetry_rejected_series_total 5\n"))
    }

    @Test func destroyedGaugeIsNoLongerRendered() {
        let gauge = MetricName.zoneAvailable.gauge("gone", in: registry)
        gauge.set(3)
        #expect(registry.render().contains("zone_available{zone=\"gone\"} 3\n"))
        gauge.destroy()
        #expect(!registry.render().contains("zone_available"))
    }

    @Test func additionsFromManyTasksAreNotLost() async {
        let counter = MetricName.bookingReservations.counter(in: registry)
        let timer = MetricName.endToEndDuration.timer(in: registry)
        let meter = MetricName.dbConnectionsActive.gauge(in: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 {
                        counter.increment()
                        timer.recordNanoseconds(500_000_000)
                        meter.increment()
                    }
                }
            }
        }
        let text = registry.render()
        #expect(text.contains("booking_reservations_total 40000\n"))
        #expect(text.contains("end_to_end_duration_seconds_sum 20000\n"))
        #expect(text.contains("end_to_end_duration_seconds_bucket{le=\"0.5\"} 40000\n"))
        #expect(text.contains("db_connections_active 40000\n"))
    }

    @Test func processFiguresAreReadAtEachScrape() {
        ProcessMetrics.register(in: registry)
        let text = registry.render()
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"] {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
            let value = line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
            #expect(value > 0, "\(name)")
        }
        #expect(text.contains("# TYPE process_cpu_seconds_total counter\n"))
    }
}

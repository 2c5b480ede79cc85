import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Paper grid` {
    @Test(arguments: RankerKind.allCases)
    func `the paper's grid has the 40 settings of Table 8, each once, in a fixed order`(
        kind: RankerKind
    ) throws {
        let grid = TrainingConfiguration.paperGrid(kind: kind)
        #expect(grid.count == 40 && Set(grid.map(\.json)).count == 40)
        #expect(grid.count { $0.batchGroups == 256 } == 20)
        #expect(grid.count { $0.batchGroups == 1_024 } == 20)
        #expect(grid.count { $0.optimizer.schedule == .cosine } == 20)
        let sgd = grid.filter { $0.optimizer.name == .sgd }
        let adamW = grid.filter { $0.optimizer.name == .adamw }
        #expect(Set(sgd.map(\.optimizer.rate)) == [0.05, 0.1, 0.5, 1] && sgd.count == 32)
        #expect(sgd.count { $0.optimizer.momentum == 0.9 } == 16)
        #expect(sgd.count { $0.optimizer.momentum == 0 } == 16)
        #expect(Set(adamW.map(\.optimizer.rate)) == [1e-5, 1e-4] && adamW.count == 8)
        let first = try #require(grid.first?.optimizer)
        #expect(first == .sgd(rate: 0.05, momentum: 0, schedule: .constant))
        #expect(grid[1].optimizer == .sgd(rate: 0.05, momentum: 0, schedule: .cosine))
        #expect(grid[39].optimizer == .adamW(rate: 1e-4, schedule: .cosine))
    }

    @Test(arguments: RankerKind.allCases)
    func `the paper's grid has the paper's data, loss and one epoch everywhere`(kind: RankerKind)
        throws
    {
        for training in TrainingConfiguration.paperGrid(kind: kind) {
            #expect(training.loss == (kind == .listwise ? .listKL : .pointBCE))
            #expect(training.temperature == 1 && training.epochs == 1)
            #expect(training.groupsPerQuery == 100 && training.candidateCount == 10)
            #expect(training.optimizer.weightDecay == 1e-4 && training.start == .uniform)
            #expect(try TrainingConfiguration(json: training.json) == training)
        }
    }
}

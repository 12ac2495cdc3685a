// Pods and containers from start to removal, with the real keeper: what the node agent relies on.
#include <gtest/gtest.h>

#include "tests/runtime/pods/node.h"

namespace kring {
namespace {

class Pods : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    node_ = std::make_unique<test::Node>();
  }
  std::unique_ptr<test::Node> node_;
};

TEST_F(Pods, AContainerRunsLogsAndReportsItsExitCode) {
  node_->start_pod("a");
  auto config = node_->shell("a", "main", "echo hello; echo bad >&2; exit 3");
  const auto ended = node_->run_to_exit(config);
  EXPECT_EQ(ended.start_error, "");
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(ended.signal, 0);
  EXPECT_FALSE(ended.running);
  EXPECT_GE(ended.finished_at.ns, ended.started_at.ns);
  const std::string log = node_->log(config);
  EXPECT_NE(log.find("stdout F hello\n"), std::string::npos) << log;
  EXPECT_NE(log.find("stderr F bad\n"), std::string::npos) << log;
  EXPECT_TRUE(node_->run(node_->processes().remove_pod("a")).has_value());
}

}  // namespace
}  // namespace kring

// A metal-cpp program of the software Metal's tests: asynchronous command buffers, completion
// handlers, shared events, several queues, blits, residency sets. Prints what it saw, one
// "name value" per line, and the findings of the checker.
#define NS_PRIVATE_IMPLEMENTATION
#define MTL_PRIVATE_IMPLEMENTATION
#include <Foundation/Foundation.hpp>
#include <Metal/Metal.hpp>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "softmetal/control.h"

namespace {

constexpr const char* kSource = R"(
#include <metal_stdlib>
using namespace metal;
struct Page {
  device uint* data;
};
kernel void increase(device uint* y [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  y[i] = y[i] + 1;
}
kernel void follow(device const Page* page [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  page->data[i] = i;
}
)";
constexpr NS::UInteger kCount = 64;

template <class T>
using Ref = NS::SharedPtr<T>;

struct Machine {
  Ref<MTL::Device> device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());
  Ref<MTL::Library> library;
  Ref<MTL::ComputePipelineState> increase, follow;
  Ref<MTL::CommandQueue> queue = NS::TransferPtr(device->newCommandQueue());

  Machine() {
    NS::Error* error = nullptr;
    library = NS::TransferPtr(device->newLibrary(text(kSource), nullptr, &error));
    if (!library) {
      std::fprintf(stderr, "%s\n", error->localizedDescription()->utf8String());
      std::exit(1);
    }
    increase = pipeline("increase");
    follow = pipeline("follow");
  }
  static NS::String* text(const char* words) {
    return NS::String::string(words, NS::UTF8StringEncoding);
  }
  Ref<MTL::ComputePipelineState> pipeline(const char* name) {
    NS::Error* error = nullptr;
    const auto function = NS::TransferPtr(library->newFunction(text(name)));
    return NS::TransferPtr(device->newComputePipelineState(function.get(), &error));
  }
  Ref<MTL::Buffer> buffer(const char* label) {
    const auto options = MTL::ResourceStorageModeShared | MTL::ResourceHazardTrackingModeUntracked;
    auto made = NS::TransferPtr(device->newBuffer(kCount * sizeof(uint32_t), options));
    made->setLabel(text(label));
    return made;
  }
  // One encoder with one dispatch.
  void encode(MTL::CommandBuffer* commands, MTL::ComputePipelineState* state, MTL::Buffer* buffer,
              MTL::Buffer* reached = nullptr) {
    MTL::ComputeCommandEncoder* encoder =
        commands->computeCommandEncoder(MTL::DispatchTypeConcurrent);
    if (reached != nullptr) encoder->useResource(reached, MTL::ResourceUsageWrite);
    encoder->setComputePipelineState(state);
    encoder->setBuffer(buffer, 0, 0);
    encoder->dispatchThreadgroups(MTL::Size(kCount / 32, 1, 1), MTL::Size(32, 1, 1));
    encoder->endEncoding();
  }
};

uint32_t first(const Ref<MTL::Buffer>& buffer) {
  return *static_cast<const uint32_t*>(buffer->contents());
}

void print(const char* name, uint64_t value) {
  std::printf("%s %llu\n", name, static_cast<unsigned long long>(value));
}

// commit() returns at once, handlers run in order, waiting orders the next command buffer.
void asynchronous(Machine& machine) {
  softmetal::Settings slow = softmetal::settings();
  slow.slowdown_us = 100000;
  softmetal::set_settings(slow);
  const auto buffer = machine.buffer("numbers");
  std::atomic<int> handled{0}, order{0};
  MTL::CommandBuffer* last = nullptr;
  for (int i = 0; i < 2; ++i) {
    last = machine.queue->commandBuffer();
    if (i == 0) machine.encode(last, machine.increase.get(), buffer.get());
    last->addCompletedHandler([&, i](MTL::CommandBuffer* done) {
      if (done->status() == MTL::CommandBufferStatusCompleted && handled++ == i) ++order;
    });
    last->commit();
  }
  print("pending", last->status() < MTL::CommandBufferStatusCompleted);
  last->waitUntilCompleted();
  print("completed", last->status() == MTL::CommandBufferStatusCompleted);
  print("handlers_in_order", order);
  print("gpu_time", last->GPUEndTime() > last->GPUStartTime());
  MTL::CommandBuffer* next = machine.queue->commandBuffer();
  machine.encode(next, machine.increase.get(), buffer.get());
  next->commit();
  next->waitUntilCompleted();
  print("value", first(buffer));
}

// Two queues, ordered by a shared event or not; the host signals and waits, too.
void events(Machine& machine, bool ordered) {
  const auto other = NS::TransferPtr(machine.device->newCommandQueue());
  const auto event = NS::TransferPtr(machine.device->newSharedEvent());
  const auto buffer = machine.buffer("numbers");
  MTL::CommandBuffer* second = other->commandBuffer();
  if (ordered) second->encodeWait(event.get(), 2);
  machine.encode(second, machine.increase.get(), buffer.get());
  second->encodeSignalEvent(event.get(), 3);
  MTL::CommandBuffer* one = machine.queue->commandBuffer();
  one->encodeWait(event.get(), 1);
  machine.encode(one, machine.increase.get(), buffer.get());
  one->encodeSignalEvent(event.get(), 2);
  if (ordered) second->commit();
  one->commit();
  print("waits", event->signaledValue() == 0);
  event->setSignaledValue(1);
  if (!ordered) {
    while (event->signaledValue() < 2) std::this_thread::yield();
    second->commit();
  }
  print("seen", event->waitUntilSignaledValue(3, 20000));
  one->waitUntilCompleted();
  second->waitUntilCompleted();
  print("value", first(buffer));
}

// Two queues with no order between them.
void unordered(Machine& machine) {
  const auto other = NS::TransferPtr(machine.device->newCommandQueue());
  const auto buffer = machine.buffer("numbers");
  MTL::CommandBuffer* one = machine.queue->commandBuffer();
  machine.encode(one, machine.increase.get(), buffer.get());
  MTL::CommandBuffer* second = other->commandBuffer();
  machine.encode(second, machine.increase.get(), buffer.get());
  one->commit();
  second->commit();
  one->waitUntilCompleted();
  second->waitUntilCompleted();
}

// A buffer reached through its address: resident by a set, by useResource, or not at all.
void residency(Machine& machine, const std::string& how) {
  const auto table = machine.buffer("table");
  const auto page = machine.buffer("page");
  const uint64_t address = page->gpuAddress();
  std::memcpy(table->contents(), &address, sizeof address);
  NS::Error* error = nullptr;
  const auto descriptor = NS::TransferPtr(MTL::ResidencySetDescriptor::alloc()->init());
  const auto set = NS::TransferPtr(machine.device->newResidencySet(descriptor.get(), &error));
  if (how == "set") {
    set->addAllocation(page.get());
    set->commit();
    machine.queue->addResidencySet(set.get());
  }
  MTL::CommandBuffer* commands = machine.queue->commandBuffer();
  machine.encode(commands, machine.follow.get(), table.get(),
                 how == "resource" ? page.get() : nullptr);
  commands->commit();
  commands->waitUntilCompleted();
  print("value", static_cast<const uint32_t*>(page->contents())[kCount - 1]);
}

// A blit fills what a dispatch then reads, in the next encoder, with or without a fence.
void blit(Machine& machine, bool ordered) {
  const auto buffer = machine.buffer("numbers");
  const auto fence = NS::TransferPtr(machine.device->newFence());
  MTL::CommandBuffer* commands = machine.queue->commandBuffer();
  MTL::BlitCommandEncoder* fill = commands->blitCommandEncoder();
  fill->fillBuffer(buffer.get(), NS::Range(0, kCount * sizeof(uint32_t)), 1);
  if (ordered) fill->updateFence(fence.get());
  fill->endEncoding();
  MTL::ComputeCommandEncoder* encoder =
      commands->computeCommandEncoder(MTL::DispatchTypeConcurrent);
  if (ordered) encoder->waitForFence(fence.get());
  encoder->setComputePipelineState(machine.increase.get());
  encoder->setBuffer(buffer.get(), 0, 0);
  encoder->dispatchThreadgroups(MTL::Size(kCount / 32, 1, 1), MTL::Size(32, 1, 1));
  encoder->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  print("value", first(buffer));
}

void misuse(Machine& machine) {
  const auto buffer = machine.buffer("numbers");
  MTL::CommandBuffer* commands = machine.queue->commandBuffer();
  machine.encode(commands, machine.increase.get(), buffer.get());
  commands->commit();
  commands->commit();
  commands->waitUntilCompleted();
  commands->computeCommandEncoder();
  static unsigned char bytes[16384 + 1];
  print("no_copy", machine.device->newBuffer(bytes + 1, 16384, MTL::ResourceStorageModeShared,
                                             nullptr) != nullptr);
}

}  // namespace

int main(int, char** arguments) {
  const auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  {
    Machine machine;
    const std::string name = arguments[1];
    if (name == "asynchronous") asynchronous(machine);
    if (name == "event") events(machine, true);
    if (name == "event_by_host") events(machine, false);
    if (name == "unordered") unordered(machine);
    if (name == "residency_set") residency(machine, "set");
    if (name == "use_resource") residency(machine, "resource");
    if (name == "not_resident") residency(machine, "nothing");
    if (name == "blit") blit(machine, true);
    if (name == "blit_without_fence") blit(machine, false);
    if (name == "misuse") misuse(machine);
  }
  for (const softmetal::Finding& finding : softmetal::take_findings()) {
    std::printf("finding %s %s\n", finding.kind.c_str(), finding.text.c_str());
  }
}

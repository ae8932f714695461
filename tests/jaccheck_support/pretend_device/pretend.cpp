// A device of torch that is really another one: its memory is the CPU's, under the name that Python gives it.
//
// Whatever has no kernel here is copied to the CPU, computed there and copied back. Views, allocation and copies are
// its own. Two counters for each device and a limit are read and set from Python with ctypes.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace {

constexpr int kMost = 8;
int count = 1;
thread_local c10::DeviceIndex current = 0;
std::atomic<int64_t> held[kMost], peak[kMost];
int64_t limit[kMost];
bool lacks[64];

struct Block { int64_t size; int index; };

void release(void* pointer) {
  auto* block = static_cast<Block*>(pointer);
  held[block->index] -= block->size;
  std::free(pointer);
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    const c10::Device device(c10::DeviceType::PrivateUse1, current);
    if (size == 0) return {nullptr, nullptr, [](void*) {}, device};
    const int64_t now = (held[current] += size);
    if (limit[current] > 0 && now > limit[current]) {
      held[current] -= size;
      TORCH_CHECK_WITH(OutOfMemoryError, false, "pretend:", int(current), " out of memory: tried to allocate ", size, " bytes");
    }
    if (now > peak[current]) peak[current] = now;
    auto* block = static_cast<Block*>(std::malloc(size + 64));
    *block = {static_cast<int64_t>(size), current};
    return {reinterpret_cast<char*>(block) + 64, block, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t size) const override { std::memcpy(to, from, size); }
};

Allocator allocator;
REGISTER_ALLOCATOR(c10::DeviceType::PrivateUse1, &allocator);

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static constexpr c10::DeviceType static_type = c10::DeviceType::PrivateUse1;
  Guard() = default;
  explicit Guard(c10::DeviceType) {}
  c10::DeviceType type() const override { return static_type; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const auto before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return {static_type, current}; }
  void setDevice(c10::Device device) const override { if (device.has_index()) current = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { if (device.has_index()) current = device.index(); }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return count; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return count; }
  c10::DeviceIndex getCurrentDevice() const override { return current; }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t size) const override {
    const c10::DeviceGuard guard(storage.device());
    auto fresh = allocator.allocate(size);
    if (storage.data()) std::memcpy(fresh.get(), storage.data(), std::min(size, storage.nbytes()));
    storage.unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(fresh));
    storage.unsafeGetStorageImpl()->set_nbytes(size);
  }
};
Hooks hooks;
const bool registered = [] { at::RegisterPrivateUse1HooksInterface(&hooks); return true; }();

c10::Device place_of(std::optional<c10::Device> device) {
  return device && device->has_index() ? *device : c10::Device(c10::DeviceType::PrivateUse1, current);
}

at::ScalarType kind_of(std::optional<at::ScalarType> dtype) {
  const auto kind = c10::dtype_or_default(dtype);
  TORCH_CHECK_TYPE(!lacks[int(kind)], "the device pretend has no ", kind);
  return kind;
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const c10::DeviceGuard guard(place_of(device));
  return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           kind_of(dtype));
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(place_of(device));
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   kind_of(dtype), format);
}

// The same memory as a tensor of the CPU's.
at::Tensor on_cpu(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  const auto storage = tensor.storage();
  auto* pointer = tensor.storage().mutable_data();
  const auto flat = at::from_blob(pointer, {int64_t(storage.nbytes() / tensor.itemsize())},
                                  at::TensorOptions().dtype(tensor.scalar_type()));
  return flat.as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (from.numel()) on_cpu(to).copy_(on_cpu(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar item(const at::Tensor& tensor) { return on_cpu(tensor).item(); }

const at::Tensor& resize(const at::Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat>) {
  if (self.sizes() == size) return self;
  auto* impl = self.unsafeGetTensorImpl();
  const auto bytes = at::detail::computeStorageNbytesContiguous(size, self.itemsize(), self.storage_offset());
  if (bytes > self.storage().nbytes()) hooks.resizePrivateUse1Bytes(self.storage(), bytes);
  impl->set_sizes_contiguous(size);
  return self;
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) { at::native::cpu_fallback(op, stack); }

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("_local_scalar_dense", &item);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("resize_", &resize);
  m.impl("view", &at::native::view);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  m.impl("set_.source_Storage_storage_offset", &at::native::set_storage_cpu_);
  m.impl("set_.source_Storage", &at::native::set_);
}

extern "C" {
void pretend_count(int number) { count = number; }
void pretend_lack(int kind) { lacks[kind] = true; }
void pretend_limit(int index, int64_t bytes) { limit[index] = bytes; }
int64_t pretend_held(int index) { return held[index]; }
int64_t pretend_peak(int index) { return peak[index]; }
void pretend_reset_peak(int index) { peak[index] = held[index].load(); }
}

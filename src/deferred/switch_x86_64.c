/*
 * The switch on x86-64 (System V): rbx, rbp, r12 to r15, the modes of the two floating-point units
 * and the stack pointer are what a call preserves.
 *
 * The modes nearly never differ, and loading them is slow: they are compared first. It goes back by
 * a jump, because a `ret` would always be predicted to return to the stack that was just left;
 * "notrack", because no landing mark stands where a call returns to.
 */
#include "deferred/switch.h"

#ifdef TORC__SWITCH_X86_64

#include <stdint.h>

/* What torc__switch_stacks leaves on a stack, from the stack pointer upwards. */
typedef struct frame {
    uint32_t sse_mode;
    uint16_t x87_mode;
    uint16_t padding;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    void (*resume)(void);
    uint64_t end; /* the return address of who is never returned from: here backtraces stop */
} frame;

void torc__stack_begins(void);

__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl torc__switch_stacks\n"
    ".type torc__switch_stacks, @function\n"
    "torc__switch_stacks:\n"
    ".cfi_startproc\n"
    "    endbr64\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    subq $8, %rsp\n"
    "    stmxcsr (%rsp)\n"
    "    fnstcw 4(%rsp)\n"
    "    movl (%rsp), %eax\n"
    "    movzwl 4(%rsp), %ecx\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    cmpl (%rsp), %eax\n"
    "    jne 2f\n"
    "1:  cmpw 4(%rsp), %cx\n"
    "    jne 3f\n"
    "4:  addq $8, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    popq %rcx\n"
    "    notrack jmp *%rcx\n"
    "2:  ldmxcsr (%rsp)\n"
    "    jmp 1b\n"
    "3:  fldcw 4(%rsp)\n"
    "    jmp 4b\n"
    ".cfi_endproc\n"
    ".size torc__switch_stacks, . - torc__switch_stacks\n"

    ".p2align 4\n"
    ".globl torc__stack_begins\n"
    ".hidden torc__stack_begins\n"
    ".type torc__stack_begins, @function\n"
    "torc__stack_begins:\n"
    ".cfi_startproc\n"
    ".cfi_undefined rip\n"
    "    endbr64\n"
    "    movq %r12, %rdi\n"
    "    callq *%r13\n"
    "    ud2\n"
    ".cfi_endproc\n"
    ".size torc__stack_begins, . - torc__stack_begins\n");

void torc__stand_init(torc__stand *stand, void *stack, size_t size,
    void (*entry)(void *argument), void *argument)
{
    uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
    /* In torc__stack_begins the stack must be aligned as before a call: `end` lies at its top. */
    frame *made = (frame *)(top - 16 - offsetof(frame, end));

    __asm__ volatile("stmxcsr %0" : "=m"(made->sse_mode));
    __asm__ volatile("fnstcw %0" : "=m"(made->x87_mode));
    made->padding = 0;
    made->r15 = made->r14 = made->rbx = made->rbp = 0;
    made->r13 = (uint64_t)(uintptr_t)entry;
    made->r12 = (uint64_t)(uintptr_t)argument;
    made->resume = torc__stack_begins;
    made->end = 0;
    stand->stack_pointer = made;
}

#endif

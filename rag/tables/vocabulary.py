"""Words that name the same thing in the heads of tables, in English and in Chinese.

A question in one language names the columns of a table in the other only by such words. They are
those of everyday tables (trade, staff, stock, time, places); a name that is not here is left to
the model, and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product

MAX_TRANSLATIONS = 24  # of one name

_GROUPS = """\
revenue, turnover, 收入, 营收, 营业额, 销售额
sales, 销售
units sold, quantity sold, sales volume, 销量, 销售量, 销售数量, 卖出, 售出
amount, 金额, 数额
quantity, qty, 数量
units, pieces, 件数, 台数
cost, expense, expenses, 费用, 成本, 花费
price, 价格, 售价
unit price, 单价
budget, 预算
profit, 利润
salary, wage, wages, 工资, 薪资, 薪酬
fee, fees, 费, 费用
tax, 税, 税额
discount, 折扣
share, 份额
stock, inventory, 库存
counted, count, 盘点
safety stock, 安全库存
warehouse, 仓库
order, orders, 订单
invoice, invoices, 发票
payment, 付款
shipping, delivery, 发货, 配送
lead time, delivery time, 交货周期, 交货期, 交期, 交货时间, 供货周期
supplier, suppliers, vendor, vendors, 供应商, 供货商
customer, customers, client, clients, 客户, 顾客
visitors, visits, footfall, 客流量, 客流, 访客
product, products, 产品, 商品
item, items, 物品
material, materials, 物料, 材料
category, type, kind, 类别, 类型, 种类
brand, 品牌
quality, 质量, 品质
score, rating, 评分, 得分, 分数
grade, level, 等级, 级别
rate, 率, 比率
status, state, 状态
name, 名称, 名字, 姓名
number, no, 编号, 号码
code, 代码
owner, 负责人
manager, 经理
store manager, shop manager, 店长
contact, 联系人
employee, employees, staff, 员工, 职工
engineer, engineers, 工程师
teacher, teachers, 教师, 老师
trainer, trainers, lecturer, 讲师
student, students, 学生
driver, drivers, 司机, 驾驶员
department, departments, 部门
team, teams, 团队
position, job, 职位, 岗位
age, 年龄
gender, sex, 性别
course, courses, 课程
training, trainings, 培训
people, persons, 人数
shop, shops, store, stores, 门店, 店铺, 商店
branch, branches, 分店, 分公司
region, regions, area, 地区, 区域, 大区
city, cities, 城市
country, countries, 国家
province, provinces, 省份
building, buildings, 楼宇, 建筑, 大楼
room, rooms, 房间
address, 地址
location, place, 地点, 位置
date, 日期
year, years, 年份
quarter, quarters, 季度
month, months, 月份
week, weeks, 周
day, days, 天数
time, 时间
duration, 时长
hours, 小时数, 工时
handling, processing, handle, process, 处理
service, 服务
ticket, tickets, work order, work orders, 工单
complaint, complaints, 投诉
distance, 距离, 里程
weight, 重量
length, 长度
height, 高度
temperature, 温度
speed, 速度
fuel, 燃料
energy, energy consumption, electricity, 电量, 用电量, 能耗
power, 功率
tariff, 电价
electricity cost, electricity bill, 电费
hotel, accommodation, 住宿
remark, remarks, note, notes, 备注
total, 合计
east china, 华东
south china, 华南
north china, 华北
central china, 华中
southwest china, 西南
northwest china, 西北
northeast china, 东北
north america, 北美, 北美洲
south america, 南美, 南美洲
europe, 欧洲
asia, 亚洲
africa, 非洲
nordics, 北欧
iberia, 伊比利亚
china, 中国
japan, 日本
germany, 德国
france, 法国
united kingdom, uk, 英国
united states, usa, 美国
italy, 意大利
spain, 西班牙
canada, 加拿大
india, 印度
korea, 韩国
norway, 挪威
sweden, 瑞典
ireland, 爱尔兰
portugal, 葡萄牙
netherlands, 荷兰
poland, 波兰
finland, 芬兰
"""

_HAN = re.compile("[\u3400-\u9fff]")


@lru_cache(maxsize=1)
def groups() -> tuple[frozenset[str], ...]:
    """Words and phrases with one meaning, in lower case."""
    return tuple(frozenset(map(str.strip, line.split(","))) for line in _GROUPS.splitlines())


@lru_cache(maxsize=4096)
def translations(name: str) -> tuple[str, ...]:
    """What a normalized name may be called in the other language, its parts translated in turn.

    () where a part of it is not known.
    """
    to_han = not _HAN.search(name)
    if len(name) > 40:
        return ()
    parts = list(_parts(name))
    choices = [sorted(w for w in _same(part) if bool(_HAN.search(w)) == to_han) for part in parts]
    if not choices or not all(choices):
        return ()
    joiner = "" if to_han else " "
    joined = map(joiner.join, islice(product(*choices), MAX_TRANSLATIONS))
    return tuple(dict.fromkeys(joined))


@lru_cache(maxsize=1)
def _known() -> dict[str, frozenset[str]]:
    """By word or phrase, what has its meaning too."""
    found: dict[str, frozenset[str]] = {}
    for group in groups():
        for word in group:
            found[word] = found.get(word, frozenset()) | group
    return found


def _same(part: str) -> frozenset[str]:
    return _known().get(part, frozenset())


def _parts(name: str) -> Iterator[str]:
    """The longest known words or phrases that make up the name; what is unknown alone."""
    units = list(name) if _HAN.search(name) else name.split()
    joiner = "" if _HAN.search(name) else " "
    start = 0
    while start < len(units):
        for end in range(len(units), start, -1):
            part = joiner.join(units[start:end])
            if part in _known() or end == start + 1:
                yield part
                start = end
                break
